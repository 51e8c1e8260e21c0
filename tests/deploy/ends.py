"""What the functions speak to besides AWS's clients: watchers at sockets, and a graph."""

from __future__ import annotations

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from chalicelib.domain.ids import Stream
from chalicelib.graph import unavailable
from tests.deploy.recording import Recorder

SOCKETS_ARN = "arn:aws:execute-api:us-east-1:123456789012:sockets/api/{}/@connections/{}"
GRAPH_ARN = "arn:aws:neptune-db:us-east-1:123456789012:cluster-GRAPH/database"


class GraphTwin:
    """The graph's contract, so far as to see who asks and who writes; it answers no question."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._whole = False

    def checkpoints(self, streams: Any) -> dict[Stream, int]:
        self._needs("Read")
        return dict.fromkeys(streams, 0)

    def apply(self, parts: Any) -> None:
        self._needs("Read", "Write", "Delete")

    def complete(self) -> bool:
        self._needs("Read")
        return self._whole

    def begin(self, token: str) -> str:
        self._needs("Read", "Write", "Delete")
        return token

    def finish(self, token: str) -> bool:
        self._needs("Read", "Write", "Delete")
        self._whole = True
        return True

    def ping(self) -> None:
        self._needs("Read")

    def submit(self, bytecode: Any) -> Any:
        self._needs("Read", "Write", "Delete")
        raise unavailable("nothing is stored here")

    def empty(self) -> None:
        self._whole = False

    def __getattr__(self, question: str) -> Callable[..., Any]:
        def ask(*_: Any, **__: Any) -> Any:
            self._needs("Read")
            raise unavailable(f"no {question} here")

        return ask

    def _needs(self, *kinds: str) -> None:
        self._recorder.needs(*((f"neptune-db:{kind}DataViaQuery", GRAPH_ARN) for kind in kinds))


class OtherEnds:
    """An HTTP server that takes the frames for websockets; `answer` says with which status."""

    def __init__(self, recorder: Recorder) -> None:
        self.answer: Callable[[str], int | None] = {}.get
        ends = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                connection = self.path.rpartition("/")[2]
                arn = SOCKETS_ARN.format(self.command, connection)
                recorder.needs(("execute-api:ManageConnections", arn))
                self.send_response(ends.answer(connection) or 200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            do_DELETE = do_POST  # noqa: N815

            def log_message(self, *arguments: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        )
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
