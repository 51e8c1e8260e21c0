"""A port of its own that speaks AWS's protocol to the same tables, bucket and queues.

moto's server, in this process and behind the same door: what comes in by this port is locked, kept
and pumped as what the app writes. For the aws CLI and SDKs; a browser is refused, because any web
page could otherwise read and write everything here.
"""

from __future__ import annotations

import io
import logging
import os
import re
import threading
from collections.abc import Callable, Iterable
from typing import Any, Final

from infra.local.aws import REGION
from infra.local.door import DOOR

_LOOPBACK: Final = re.compile(r"([a-z0-9.-]+\.)?(localhost|127\.0\.0\.1|\[::1\])(:\d+)?\Z")
_SCOPE: Final = re.compile(r"(Credential=[^/\s]+/\d{8}/)[^/]+/")

Wsgi = Callable[[dict[str, Any], Any], Iterable[bytes]]


class AwsPort:
    """The server, listening on a loopback port from the moment it is made."""

    def __init__(self, port: int) -> None:
        """Listen on `port`, or on the next free one."""
        from werkzeug.serving import make_server

        os.environ["MOTO_DISABLE_GLOBAL_CORS"] = "true"  # read when moto's server is imported
        from moto.moto_server.werkzeug_app import (
            DomainDispatcherApplication,
            MotoRequestHandler,
            create_backend_app,
        )

        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        app = behind_the_door(DomainDispatcherApplication(create_backend_app))
        for candidate in range(port, port + 20):
            try:
                self._server = make_server(
                    "127.0.0.1", candidate, app, threaded=True, request_handler=MotoRequestHandler
                )
                break
            except (OSError, SystemExit):  # werkzeug exits where a port is taken
                if candidate == port + 19:
                    raise OSError(f"no free port from {port} on") from None
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.1,), name="aws-port", daemon=True
        )

    @property
    def url(self) -> str:
        """Return what `AWS_ENDPOINT_URL` must be."""
        return f"http://127.0.0.1:{self._server.port}"

    def start(self) -> None:
        """Serve, in threads."""
        self._thread.start()

    def stop(self) -> None:
        """Stop serving and close the port."""
        self._server.shutdown()
        self._server.server_close()


def behind_the_door(app: Wsgi) -> Wsgi:
    """Serve `app` one request at a time, each committed before its answer goes out."""

    def guarded(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if refusal := _refusal(environ):
            start_response("403 Forbidden", [("Content-Type", "text/plain")])
            return [refusal.encode()]
        # Signatures are not checked, but moto looks up the region in them; there is only one here.
        signed = environ.get("HTTP_AUTHORIZATION", "")
        environ["HTTP_AUTHORIZATION"] = _SCOPE.sub(rf"\g<1>{REGION}/", signed, count=1)
        body = _body(environ)  # all of it first: a slow client must not hold the lock
        environ.update({"wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))})
        with DOOR.call():
            answer = app(environ, start_response)
            try:
                return [b"".join(answer)]
            finally:
                close = getattr(answer, "close", None)
                if close:
                    close()

    return guarded


def _body(environ: dict[str, Any]) -> bytes:
    stream = environ["wsgi.input"]
    ends = environ.get("wsgi.input_terminated")  # sent in chunks
    body: bytes = stream.read() if ends else stream.read(int(environ.get("CONTENT_LENGTH") or 0))
    return body


def _refusal(environ: dict[str, Any]) -> str | None:
    if "HTTP_ORIGIN" in environ:
        return "This port is for the aws CLI and SDKs, not for browsers.\n"
    if not _LOOPBACK.match(environ.get("HTTP_HOST", "")):
        return "The Host header does not name this machine.\n"
    if environ.get("PATH_INFO", "").startswith("/moto-api"):
        return "moto's own controls are not served.\n"
    return None
