"""Clients that we did not write, and our own in JavaScript, behind a proxy that cuts.

npm's are installed into .cache, at fixed versions; where there is no Node, or no network for the
first time, they are skipped, and so is the browser where there is none.
"""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import time
from pathlib import Path
from random import Random
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response

from tests.live.browser import CHROMIUM, showing
from tests.live.local import Local
from tests.live.npm import EVENTSOURCE, run
from tests.live.proxy import CuttingProxy

ROOT = Path(__file__).resolve().parents[2]
OUR_CLIENT = ROOT / "clients" / "js" / "palimpsest-live.js"


WS = """
import WebSocket from 'ws';
const [url, resource, count] = process.argv.slice(2);
const heard = new Map(); // what is replayed may be pushed too
const socket = new WebSocket(url);
socket.on('open', () => socket.send(JSON.stringify(
  { action: 'subscribe', id: '1', topics: [{ resource, from: 0 }] })));
socket.on('message', (text) => {
  const frame = JSON.parse(text);
  for (const event of frame.events ?? (frame.event ? [frame.event] : []))
    heard.set(event.version, event);
  if (heard.size >= Number(count)) {
    console.log(JSON.stringify([...heard.values()].sort((a, b) => a.version - b.version)));
    process.exit(0);
  }
});
"""

OURS = """
import WebSocket from 'ws';
import { follow, followSocket } from 'OUR_CLIENT';
const [how, api, url, resource, count] = process.argv.slice(2);
const heard = [];
const seen = { [resource]: 0 };
const events = how === 'sse' ? follow(api, seen)
  : followSocket(url, seen, { api, WebSocket, patience: 1000 });
for await (const event of events) {
  heard.push(event);
  if (heard.length >= Number(count)) break;
}
console.log(JSON.stringify(heard));
process.exit(0);
""".replace("OUR_CLIENT", str(OUR_CLIENT))


@pytest.fixture
def history(local: Local) -> tuple[str, list[Any]]:
    """A resource with 61 events, and what GET …/events says of it."""
    resource = local.created()
    for _ in range(3):
        local.annotate(resource, 20)
    return resource, local.history(resource)


def test_npm_s_eventsource_reconnects_and_hears_each_event_once(local, node, history):
    resource, wanted = history

    async def behind_the_proxy() -> list[Any]:
        async with CuttingProxy(local.port, Random(3), 40_000) as proxy:
            url = f"http://127.0.0.1:{proxy.port}/resources/{resource}/events/stream?from=0"
            return await asyncio.to_thread(run, node, EVENTSOURCE, url, str(len(wanted)))

    assert asyncio.run(behind_the_proxy()) == wanted


def test_npm_s_ws_hears_what_events_says(local, node, history):
    resource, wanted = history
    assert run(node, WS, local.ws_url, resource, str(len(wanted))) == wanted


@pytest.mark.parametrize("how", ["sse", "socket"])
def test_our_javascript_client_behind_a_proxy_that_cuts(local, node, history, how):
    resource, wanted = history

    async def behind_the_proxy() -> tuple[list[Any], int]:
        async with CuttingProxy(local.port, Random(5), 60_000) as proxy:
            url = f"ws://127.0.0.1:{proxy.port}/ws"
            api = local.url if how == "socket" else f"http://127.0.0.1:{proxy.port}"
            arguments = (how, api, url, resource, str(len(wanted)))
            return await asyncio.to_thread(run, node, OURS, *arguments), proxy.cuts

    heard, cuts = asyncio.run(behind_the_proxy())
    assert heard == wanted
    assert cuts > 0


def test_our_javascript_client_s_own_tests():
    if (found := shutil.which("node")) is None:
        pytest.skip("there is no Node here")
    done = subprocess.run(
        [found, "--test"],
        cwd=ROOT / "clients" / "js",
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout


PAGE = """<!doctype html><title>live</title><script>
const resource = new URLSearchParams(location.search).get('resource');
const count = Number(new URLSearchParams(location.search).get('count'));
const heard = { sse: [], ws: [] };
function took(how, events) {
  heard[how].push(...events);
  heard[how].sort((a, b) => how === 'ws' ? a.version - b.version : 0);
  if (heard.sse.length >= count && heard.ws.length >= count)
    fetch('/_test/result', { method: 'POST', body: JSON.stringify(heard) });
}
const source = new EventSource(`/resources/${resource}/events/stream?from=0`);
for (const type of ['resource.created', 'annotation.added', 'resource.updated'])
  source.addEventListener(type, (event) => took('sse', [JSON.parse(event.data)]));
const socket = new WebSocket(`ws://${location.host}/ws`);
socket.onopen = () => socket.send(JSON.stringify(
  { action: 'subscribe', topics: [{ resource, from: 0 }] }));
socket.onmessage = ({ data }) => {
  const frame = JSON.parse(data); // which may overtake others, or repeat them
  const events = frame.events ?? (frame.event ? [frame.event] : []);
  const known = new Set(heard.ws.map((event) => event.version));
  took('ws', events.filter((event) => !known.has(event.version)));
};
</script>"""


OUR_PAGE = """<!doctype html><title>ours</title><script type="module">
import { follow, followSocket } from '/_test/client.js';
const query = new URLSearchParams(location.search);
const resource = query.get('resource');
const seen = { [resource]: 0 };
async function taken(events) {
  const heard = [];
  for await (const event of events) if (heard.push(event) >= query.get('count')) return heard;
}
const ticket = async () =>
  (await (await fetch('/tickets', { method: 'POST' })).json()).ticket;
const [sse, ws] = await Promise.all([
  taken(follow(location.origin, seen)),
  taken(followSocket(`ws://${location.host}/ws`, seen, { api: location.origin, ticket })),
]);
await fetch('/_test/result', { method: 'POST', body: JSON.stringify({ sse, ws }) });
</script>"""


@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here")
@pytest.mark.parametrize("shown", [PAGE, OUR_PAGE], ids=["its own", "ours"])
def test_in_a_browser_streams_and_sockets_tell_each_event_once(local, history, tmp_path, shown):
    """Its own EventSource and WebSocket, and our client on its fetch and WebSocket."""
    resource, _ = history
    results: list[Any] = []

    async def serve(request: Request) -> Response:
        if request.method == "POST":
            results.append(await request.json())
            return JSONResponse({})
        if request.url.path.endswith(".js"):
            return FileResponse(OUR_CLIENT, media_type="text/javascript")
        return HTMLResponse(shown)

    local.extra["/_test/"] = serve
    local.restart_gateway()
    count = len(local.history(resource)) + 1
    url = f"{local.url}/_test/page?resource={resource}&count={count}"
    try:
        with showing(url, tmp_path):
            time.sleep(2)
            local.rename(resource, "B")  # while it watches
            end = time.monotonic() + 90
            while not results and time.monotonic() < end:
                time.sleep(0.05)
    finally:
        local.extra.clear()
    wanted = local.history(resource)
    assert results[0] == {"sse": wanted, "ws": wanted}
