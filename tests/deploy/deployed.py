"""A deployment to the emulator, made by the commands that deploy to AWS, from a copy of the sources.

The copy lies under `build/`, so that the git tree stays as it is. Chalice's package cache is carried
over from run to run: packages are downloaded once.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

import httpx

from infra.deploy.stage import PREFIX
from infra.emulator.installed import ROOT
from infra.emulator.running import REGION, Emulator
from infra.local import keys

SOURCES: Final = ("app.py", "chalicelib", "infra", "requirements.txt", "Makefile")
PACKAGES: Final = ROOT / "build" / "deploy-local" / "packages"
TIMEOUT_S: Final = 300
FRIEND: Final = "https://reader.example.org"
"""The origin whose pages may call the stage."""


@dataclass(frozen=True, slots=True)
class Deployed:
    """One stage: the sources it is deployed from, and where it answers."""

    emulator: Emulator
    sources: Path
    stage: str
    begins: str = PREFIX
    before: list[dict[str, Any]] = field(default_factory=list)

    def forget_calls(self) -> None:
        """Have calls written down anew; `seen` still has those from before."""
        self.before.extend(self.emulator.calls())
        self.emulator.forget_calls()

    def seen(self) -> list[dict[str, Any]]:
        """Return the calls since the beginning."""
        return [*self.before, *self.emulator.calls()]

    def run(self, command: str, *arguments: str, answer: str = "", **environ: str) -> str:
        """Run `python -m infra.deploy COMMAND` for the stage, and return what it printed."""
        code, said = self.command(command, *arguments, answer=answer, **environ)
        assert code == 0, f"{command} failed:\n{said[-4000:]}"
        return said

    def command(
        self, command: str, *arguments: str, answer: str = "", **environ: str
    ) -> tuple[int, str]:
        """Run the same; return the exit code and what it printed."""
        module = ["-m", "infra.deploy", command, "--stage", self.stage, *arguments]
        return self._run(module, environ, answer)

    def ops(self, command: str, *arguments: str) -> tuple[int, str]:
        """Run `python -m infra.ops COMMAND` on the stage's stack; return exit code and output."""
        module = ["-m", "infra.ops", command, "--stack", f"{self.prefix}-core", *arguments]
        return self._run(module, {})

    def chalice(self, command: str, **environ: str) -> tuple[int, str]:
        """Type `chalice COMMAND --stage …` by hand; return the exit code and what it printed."""
        entry = "import sys; from chalice.cli import main; sys.exit(main())"
        return self._run(["-c", entry, command, "--stage", self.stage], environ)

    def _run(self, words: list[str], environ: dict[str, str], answer: str = "") -> tuple[int, str]:
        ended = subprocess.run(
            [sys.executable, *words],
            cwd=self.sources,
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(self.emulator.directory),
                "DEPLOY_POLL_S": "0.1",
                **{k: v for k, v in os.environ.items() if k.startswith("PIP_")},
                **self.emulator.environ(),
                **environ,
            },
            input=answer,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
        )
        return ended.returncode, f"{ended.stdout}\n{ended.stderr}"

    def deploy(self, **environ: str) -> str:
        """Deploy, as `make deploy STAGE=…` does."""
        said = self.run("deploy", **environ)
        _keep_packages(self.sources)
        return said

    @property
    def rest_apis(self) -> list[str]:
        """Return the REST APIs that call this stage's function."""
        gateway = self.emulator.client("apigateway")
        return [each["id"] for each in gateway.get_rest_apis()["items"] if self._calls(each["id"])]

    @property
    def socket_apis(self) -> list[str]:
        """Return the websocket APIs of this stage."""
        found = self.emulator.client("apigatewayv2").get_apis()["Items"]
        return [each["ApiId"] for each in found if each["Name"].startswith(f"{self.prefix}-")]

    @property
    def prefix(self) -> str:
        """Return what the names of all that is the stage's begin with."""
        return f"{self.begins}-{self.stage}"

    @property
    def url(self) -> str:
        """Return where the REST API answers.

        By another name than S3's, as on AWS: a redirect to content then leaves the token behind.
        """
        return self.public_url.replace("127.0.0.1", "localhost")

    @property
    def public_url(self) -> str:
        """Return what the IRIs that it hands out begin with."""
        (api,) = self.rest_apis
        return f"{self.emulator.url}/_aws/execute-api/{api}/api"

    @property
    def sockets_url(self) -> str:
        """Return where websockets are opened."""
        (api,) = self.socket_apis
        return f"{self.emulator.url}/_aws/execute-api/{api}/api".replace("http", "ws", 1)

    def token(self, user: str = "ada", workspace: str = "demo") -> str:
        """Return a token of the stage's issuer."""
        return keys.token(keys.key(), user, workspace)

    def api(self) -> httpx.Client:
        """Return a client of the REST API, with a token; the first call starts a function."""
        headers = {"Authorization": f"Bearer {self.token()}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=40)

    def forget_failures(self) -> None:
        """Throw away what streams set aside: a graph that is not there is told nothing."""
        sqs = self.emulator.client("sqs")
        sqs.purge_queue(
            QueueUrl=sqs.get_queue_url(QueueName=f"{self.prefix}-stream-failures")["QueueUrl"]
        )

    def mappings(self) -> list[dict[str, Any]]:
        """Return the event source mappings of the stage's functions."""
        found = self.emulator.client("lambda").list_event_source_mappings()["EventSourceMappings"]
        return [each for each in found if f":function:{self.prefix}" in each["FunctionArn"]]

    def table(self, name: str) -> str:
        """Return a table's name: `log`, `views`, `jobs` …"""
        return f"{self.prefix}-{name}"

    def logs(self, function: str) -> str:
        """Return what a function has written to its log."""
        logs = self.emulator.client("logs")
        group = f"/aws/lambda/{self.prefix}-{function}"
        pages = logs.get_paginator("filter_log_events").paginate(logGroupName=group)
        return "\n".join(each["message"] for page in pages for each in page["events"])

    def _calls(self, api: str) -> bool:
        gateway = self.emulator.client("apigateway")
        resources = gateway.get_resources(restApiId=api, embed=["methods"])["items"]
        return f":function:{self.prefix}/" in json.dumps(resources, default=str)


def copied(directory: Path) -> Path:
    """Copy the sources into a directory that is not there yet; returns it."""
    directory.mkdir(parents=True)
    unwanted = shutil.ignore_patterns("__pycache__", "stages", "*.pyc")
    for name in SOURCES:
        found = ROOT / name
        if found.is_dir():
            shutil.copytree(found, directory / name, ignore=unwanted)
        else:
            shutil.copy(found, directory / name)
    if PACKAGES.exists():
        shutil.copytree(PACKAGES, directory / ".chalice" / "deployments")
    return directory


def identified_by(issuer: str, sources: Path, stage: str) -> None:
    """Have a stage trust the issuer at that URL instead of a user pool, and let a page call it."""
    settings = sources / "infra" / "stages" / f"{stage}.toml"
    settings.parent.mkdir(exist_ok=True)
    settings.write_text(
        f'cors_origins = ["{FRIEND}"]\n'
        f'[identity]\nissuer = "{keys.ISSUER}"\naudience = "{keys.AUDIENCE}"\n'
        f'jwks_url = "{issuer}"\n'
    )


@contextmanager
def issuer() -> Iterator[str]:
    """Serve the key set of the local issuer on the loopback; yields its URL."""
    told = json.dumps(keys.jwks(keys.key())).encode()

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(told)))
            self.end_headers()
            self.wfile.write(told)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        serving = threading.Thread(target=server.serve_forever, args=(0.05,))
        serving.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/jwks.json"
        finally:
            server.shutdown()
            serving.join()


def _keep_packages(sources: Path) -> None:
    """Keep Chalice's packages of dependencies for the next run; the app's own is always made anew."""
    PACKAGES.mkdir(parents=True, exist_ok=True)
    for made in (sources / ".chalice" / "deployments").glob("*managed-layer*"):
        shutil.copy(made, PACKAGES / made.name)


__all__ = ["REGION", "Deployed", "copied", "identified_by", "issuer"]
