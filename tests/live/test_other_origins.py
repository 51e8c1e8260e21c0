"""A page of another origin, in a browser that we did not write: it reads, follows, sends, watches."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from chalicelib.errors import NotFound
from tests.live.browser import CHROMIUM, showing
from tests.live.local import running

PAGE = """<!doctype html><title>elsewhere</title><script>
const api = new URLSearchParams(location.search).get('api');
const resource = new URLSearchParams(location.search).get('resource');
const said = {};
async function step(name, does) {
  try { said[name] = await does(); } catch (error) { said[name] = String(error); }
}
const sending = (body) => ({
  method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) });
(async () => {
  await step('content', async () => {
    const answer = await fetch(`${api}/resources/${resource}/content`);
    return [answer.redirected, answer.headers.get('ETag') !== null, await answer.text()];
  });
  await step('upload', async () => {
    const bytes = new TextEncoder().encode('Sent by a page.');
    const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
    const checksum = [...hash].map((byte) => byte.toString(16).padStart(2, '0')).join('');
    const asked = await fetch(`${api}/uploads`, sending({ checksum, size: bytes.length }));
    const { upload, url, method, headers } = await asked.json();
    const put = await fetch(url, { method, headers, body: bytes });
    const made = await fetch(`${api}/resources`,
      sending({ name: 'B', format: 'text/plain', upload }));
    return [put.status, made.status, made.headers.get('ETag')];
  });
  await step('nowhere', async () => {
    const answer = await fetch(`${api}/nowhere`);
    return [answer.status, (await answer.json()).title];
  });
  await step('stream', () => new Promise((resolve, reject) => {
    const source = new EventSource(`${api}/resources/${resource}/events/stream?from=0`);
    source.addEventListener('resource.created', (event) => resolve(event.lastEventId));
    source.onerror = () => reject(new Error('no stream'));
  }));
  await step('socket', () => new Promise((resolve, reject) => {
    const socket = new WebSocket(`${api.replace('http', 'ws')}/ws`);
    socket.onopen = () => socket.send('{"action": "ping"}');
    socket.onmessage = ({ data }) => resolve(JSON.parse(data).type);
    socket.onerror = () => reject(new Error('no socket'));
  }));
  await fetch('/result', { method: 'POST', body: JSON.stringify(said) });
})();
</script>"""


@contextmanager
def elsewhere() -> Iterator[tuple[str, list[Any], threading.Event]]:
    """Serve the page; yields its origin, what it says in the end, and that it has."""
    said: list[Any] = []
    done = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def answer(self, body: bytes) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_GET(self) -> None:
            self.answer(PAGE.encode())

        def do_POST(self) -> None:
            said.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.answer(b"")
            done.set()

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", said, done
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here")
@pytest.mark.parametrize("welcome", [True, False])
def test_a_page_of_an_origin_that_is_named_may_do_all_and_another_nothing(
    tmp_path: Path, welcome: bool
) -> None:
    with elsewhere() as (origin, said, done):
        origins = (origin,) if welcome else ("https://app.example",)
        with running(cors_origins=origins) as local:
            resource = local.created()
            page = f"{origin}/?api={local.url}&resource={resource}"
            with showing(page, tmp_path):
                assert done.wait(90)
    if welcome:
        assert said == [
            {
                "content": [True, True, "abc"],
                "upload": [200, 201, '"1"'],
                "nowhere": [404, NotFound.title],  # which the gateway answers by itself
                "stream": f"{resource}:1",
                "socket": "pong",
            }
        ]
    else:
        for each in ("content", "upload", "nowhere"):
            assert said[0][each] == "TypeError: Failed to fetch"
        assert said[0]["stream"] == "Error: no stream"
        assert said[0]["socket"] == "Error: no socket"
