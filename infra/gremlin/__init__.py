"""TinkerPop's Gremlin Server on this machine: a real graph, in memory, for development and tests.

It comes from Maven Central, into `.cache/gremlin`, the first time; it needs Java 11 or later and
Maven. What it holds is gone when it stops: the system fills it again from the log.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from xml.etree import ElementTree

HOST: Final = "127.0.0.1"
PORT: Final = 8182
HERE: Final = Path(__file__).parent
CACHE: Final = HERE.parent.parent / ".cache" / "gremlin"
MAIN_CLASS: Final = "org.apache.tinkerpop.gremlin.server.GremlinServer"
START_S: Final = 60.0
STOP_S: Final = 5.0
EMPTY_S: Final = 30.0


class NoGremlinError(Exception):
    """No Gremlin Server can run here; the message says why."""


@dataclass(frozen=True, slots=True)
class Server:
    """A server that runs. `url` is what GRAPH takes."""

    port: int
    process: subprocess.Popen[bytes]
    log: Path
    watch: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        """Return its address."""
        return url(self.port)

    def kill(self) -> None:
        """End it at once, as a power cut would."""
        self.watch.kill()
        self.watch.communicate()
        self.process.kill()
        self.process.wait()

    def pause(self) -> None:
        """Let it hang: it takes connections, and answers nobody."""
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        self.process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        """End it in good order, or soon."""
        self.resume()
        self.process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(STOP_S)
        self.kill()


def url(port: int = PORT) -> str:
    """Return the address of a server on this machine."""
    return f"ws://{HOST}:{port}/gremlin"


def listening(port: int = PORT) -> bool:
    """Tell whether something listens there."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.settimeout(0.2)
        return probe.connect_ex((HOST, port)) == 0


def empty(port: int = PORT) -> None:
    """Take away what a server holds. Raises NoGremlinError if it does not answer."""
    from chalicelib.graph.traversals import source
    from chalicelib.graph.wire import Answered, Connection, Dropped

    until = time.monotonic() + EMPTY_S
    try:
        connection = Connection(url(port), {}, until)
        try:
            connection.submit(source().V().drop().bytecode, until)
        finally:
            connection.close()
    except (Dropped, Answered) as error:
        raise NoGremlinError(f"what listens on port {port} is no Gremlin Server: {error}") from None


def missing() -> str | None:
    """Return why no server can run here, None if one can."""
    if shutil.which("java") is None:
        return "there is no Java on the path"
    if not _jars().exists() and shutil.which("mvn") is None:
        return "there is no Maven on the path to fetch it with"
    return None


@contextlib.contextmanager
def running(port: int = 0) -> Iterator[Server]:
    """Run a server, on a free port if none is named, and stop it at the end.

    Raises NoGremlinError.
    """
    server = start(port)
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(server.log.parent, ignore_errors=True)


def start(port: int = 0) -> Server:
    """Start a server and wait until it answers. Raises NoGremlinError."""
    jars = fetch()
    port = port or _free_port()
    if listening(port):
        raise NoGremlinError(f"port {port} is taken")
    folder = Path(tempfile.mkdtemp(prefix="gremlin-"))
    (folder / "server.yaml").write_text(_settings(port), "utf-8")
    log = folder / "log"
    with log.open("wb") as out:
        process = subprocess.Popen(  # noqa: S603
            [  # noqa: S607
                "java",
                "-Xmx512m",
                "-XX:+UseSerialGC",
                "-XX:TieredStopAtLevel=1",  # it starts sooner, and does not live long
                "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
                "-cp",
                f"{jars}/*",
                MAIN_CLASS,
                str(folder / "server.yaml"),
            ],
            stdout=out,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            # Ctrl-C at the terminal is for whoever started this, who then stops it.
            start_new_session=True,
        )
    server = Server(port, process, log, _watch(process.pid))
    until = time.monotonic() + START_S
    while not _answers(server):
        if process.poll() is not None or time.monotonic() > until:
            said = log.read_text("utf-8", "replace").strip()[-2000:]
            server.kill()
            shutil.rmtree(folder, ignore_errors=True)
            raise NoGremlinError(f"Gremlin Server did not start: {said}")
        time.sleep(0.1)
    return server


def fetch() -> Path:
    """Return the folder with the server's jars; fetch it if need be. Raises NoGremlinError."""
    reason = missing()
    if reason is not None:
        raise NoGremlinError(reason)
    jars = _jars()
    if jars.exists():
        return jars
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as folder:
        done = subprocess.run(  # noqa: S603
            [  # noqa: S607
                "mvn",
                "--batch-mode",
                "--quiet",
                "--file",
                str(HERE / "pom.xml"),
                "dependency:copy-dependencies",
                f"-DoutputDirectory={folder}/jars",
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            lines = [line for line in done.stdout.splitlines() if "ERROR" in line]
            raise NoGremlinError(f"Maven cannot fetch it: {' '.join(lines[:1])[:500]}")
        with contextlib.suppress(OSError):  # somebody else was faster
            os.rename(f"{folder}/jars", jars)
    return jars


def _watch(pid: int) -> subprocess.Popen[bytes]:
    """End the process if this one ends without doing so: then the pipe to this shell closes."""
    return subprocess.Popen(  # noqa: S603
        ["/bin/sh", "-c", f"read _; kill -9 {pid}"],
        stdin=subprocess.PIPE,
        start_new_session=True,
    )


def _jars() -> Path:
    pom = ElementTree.parse(HERE / "pom.xml")  # noqa: S314  # it is our own
    version = pom.findtext(".//{*}tinkerpop.version")
    return CACHE / f"jars-{version}"


def _settings(port: int) -> str:
    plugins = "org.apache.tinkerpop.gremlin"
    return f"""
host: {HOST}
port: {port}
evaluationTimeout: 30000
threadPoolWorker: 1
gremlinPool: 4
channelizer: {plugins}.server.channel.WebSocketChannelizer
graphs: {{graph: {HERE / "graph.properties"}}}
scriptEngines:
  gremlin-groovy:
    plugins:
      {plugins}.server.jsr223.GremlinServerGremlinPlugin: {{}}
      {plugins}.tinkergraph.jsr223.TinkerGraphGremlinPlugin: {{}}
      {plugins}.jsr223.ScriptFileGremlinPlugin: {{files: [{HERE / "traversals.groovy"}]}}
serializers:
  - {{className: {plugins}.util.ser.GraphBinaryMessageSerializerV1}}
  - {{className: {plugins}.util.ser.GraphSONMessageSerializerV3}}
"""


def _answers(server: Server) -> bool:
    from chalicelib.graph.traversals import source
    from chalicelib.graph.wire import Answered, Connection, Dropped

    if not listening(server.port):
        return False
    try:
        connection = Connection(server.url, {}, time.monotonic() + 5)
    except Dropped:
        return False
    try:
        found: list[Any] = connection.submit(source().V().count().bytecode, time.monotonic() + 5)
        return bool(found)
    except (Dropped, Answered):
        return False
    finally:
        connection.close()


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port
