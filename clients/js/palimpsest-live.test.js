import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { createServer } from 'node:http';
import { test } from 'node:test';

import { Order, Refused, follow, followSocket, parse } from './palimpsest-live.js';

const A = '0192f0c1-0000-7000-8000-00000000000a';

test('whatever arrives comes out once and in order', () => {
  const order = new Order(0);
  const given = [3, 1, 1, 4, 2, 3, 5].flatMap((version) => order.take([{ version }]));
  assert.deepEqual(given.map((event) => event.version), [1, 2, 3, 4, 5]);
  assert.equal(order.incomplete, false);
});

test('it knows when something is missing', () => {
  const order = new Order(2);
  assert.deepEqual(order.take([{ version: 4 }]), []);
  assert.equal(order.incomplete, true);
  assert.equal(order.take([{ version: 3 }]).length, 2);
  order.shown(6);
  assert.equal(order.incomplete, true);
});

test('an event is read wherever its bytes are cut', async () => {
  const text = 'retry: 5\n\n: still here\n\nid: a:1\nevent: x\r\ndata: {"ü":1}\r\n\r\nid: a:2\ndata: cut';
  const bytes = new TextEncoder().encode(text);
  for (let size = 1; size < 9; size++) {
    const pieces = [];
    for (let at = 0; at < bytes.length; at += size) pieces.push(bytes.slice(at, at + size));
    const found = [];
    for await (const event of parse(pieces)) found.push(event);
    assert.deepEqual(found, [
      { id: undefined, retry: 5 },
      { id: 'a:1', event: 'x', data: '{"ü":1}' },
    ]);
  }
});

async function serving(answer, use) {
  const server = createServer(answer).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  try {
    return await use(`http://127.0.0.1:${server.address().port}`);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

test('after a cut it goes on from what it has, and drops what comes twice', async () => {
  const asked = [];
  const line = (version) =>
    `id: ${A}:${version}\nevent: e\ndata: {"resource":"${A}","version":${version}}\n\n`;
  await serving(
    (request, response) => {
      asked.push(request.headers['last-event-id']);
      response.writeHead(200, { 'Content-Type': 'text/event-stream' });
      if (asked.length === 1) {
        response.write(`retry: 1\n\n${line(1)}${line(2)}id: ${A}:3\nda`, () => response.destroy());
      } else response.end(line(2) + line(3));
    },
    async (url) => {
      const found = [];
      for await (const event of follow(url, { [A]: 0 })) {
        found.push(event.version);
        if (found.length === 3) break;
      }
      assert.deepEqual(found, [1, 2, 3]);
      assert.deepEqual(asked, [`${A}:0`, `${A}:2`]);
    },
  );
});

test('what is refused is not asked for again', async () => {
  for (const status of [404, 413]) {
    let asked = 0;
    await serving(
      (request, response) => {
        response.writeHead(asked++ ? 400 : status, { 'Content-Type': 'application/problem+json' });
        response.end('{"detail": "there is no such resource, or too much of it"}');
      },
      async (url) => {
        await assert.rejects(async () => {
          for await (const _ of follow(url, { [A]: 0 }));
        }, Refused);
        assert.equal(asked, 1);
      },
    );
  }
});

/** A WebSocket without a network: `told` answers what is sent; `made` has each that was opened. */
function socketsThat(told = () => {}) {
  return class Socket extends EventTarget {
    static made = [];
    readyState = 0;
    sent = [];

    constructor() {
      super();
      Socket.made.push(this);
      setTimeout(() => {
        if (this.readyState !== 0) return;
        this.readyState = 1;
        this.dispatchEvent(new Event('open'));
      });
    }

    send(text) {
      this.sent.push(JSON.parse(text));
      told(this, this.sent.at(-1));
    }

    say(frame) {
      this.dispatchEvent(Object.assign(new Event('message'), { data: JSON.stringify(frame) }));
    }

    close() {
      if (this.readyState === 3) return;
      this.readyState = 3;
      this.dispatchEvent(new Event('close'));
    }
  };
}

const after = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function all(events) {
  const found = [];
  for await (const event of events) found.push(event.version);
  return found;
}

test('who stops while a ticket is fetched opens no socket', async () => {
  const stop = new AbortController();
  const WebSocket = socketsThat();
  const ticket = async () => {
    stop.abort();
    return 'spent';
  };
  const following = all(followSocket('ws://x/ws', { [A]: 0 }, { ticket, signal: stop.signal, WebSocket }));
  assert.equal(await Promise.race([following.then(() => 'ended'), after(500)]), 'ended');
  assert.equal(WebSocket.made.length, 0);
});

test('who stops is told nothing of what had come already', async () => {
  const stop = new AbortController();
  const WebSocket = socketsThat((socket) => {
    for (const version of [1, 2, 3]) socket.say({ type: 'event', event: { resource: A, version } });
  });
  const found = [];
  for await (const event of followSocket('ws://x/ws', { [A]: 0 }, { signal: stop.signal, WebSocket })) {
    found.push(event.version);
    stop.abort();
  }
  assert.deepEqual(found, [1]);
});

test('connecting again and again leaves no listeners behind, and who stops in between is heard', async () => {
  const stop = new AbortController();
  const WebSocket = socketsThat((socket) => socket.close());
  const following = all(followSocket('ws://x/ws', { [A]: 0 }, { signal: stop.signal, WebSocket }));
  while (WebSocket.made.length < 4) await after(10);
  await after(20);
  assert.ok(getEventListeners(stop.signal, 'abort').length <= 1);
  stop.abort();
  assert.equal(await Promise.race([following.then(() => 'ended'), after(100)]), 'ended');
  assert.equal(getEventListeners(stop.signal, 'abort').length, 0);
});

test('who stops at the last event of an answer does not wait until the next', async () => {
  const stop = new AbortController();
  const { fetch } = globalThis;
  const event = `data: {"resource":"${A}","version":1}`;
  globalThis.fetch = async () => new Response(`retry: 5000\n\nid: ${A}:1\n${event}\n\n`);
  try {
    const begun = Date.now();
    for await (const _ of follow('http://x', { [A]: 0 }, { signal: stop.signal })) stop.abort();
    assert.ok(Date.now() - begun < 1000);
  } finally {
    globalThis.fetch = fetch;
  }
});

const large = (socket, { action }) => {
  if (action !== 'subscribe') return;
  socket.say({ type: 'event', event: { resource: A, version: 1, href: '…' } });
  socket.say({ type: 'live', cursor: `${A}:1` });
};

test('what is refused of the history is not asked for again', async () => {
  let asked = 0;
  await serving(
    (request, response) => {
      response.writeHead(asked++ ? 500 : 403).end('{"message": "Forbidden"}');
    },
    async (api) => {
      const options = { api, WebSocket: socketsThat(large) };
      const refused = await all(followSocket('ws://x/ws', { [A]: 0 }, options)).catch((error) => error);
      assert.ok(refused instanceof Refused);
      assert.equal(refused.problem.status, 403);
      assert.equal(asked, 1);
    },
  );
});

test('what may be had later is asked for again, of the history and of a stream', async () => {
  for (const status of [408, 425, 429, 500, 503]) {
    let asked = 0;
    await serving(
      (request, response) => {
        if (asked++ % 2 === 0) return response.writeHead(status).end();
        if (request.url.includes('stream')) {
          return response.end(`id: ${A}:1\ndata: {"resource":"${A}","version":1}\n\n`);
        }
        return response.end('{"items": [{"version": 1}]}');
      },
      async (api) => {
        const options = { api, WebSocket: socketsThat(large) };
        for await (const _ of followSocket('ws://x/ws', { [A]: 0 }, options)) break;
        for await (const _ of follow(api, { [A]: 0 })) break;
        assert.equal(asked, 4);
      },
    );
  }
});

test('it waits as long as the server says, of the history and of a stream', async () => {
  const times = [];
  await serving(
    (request, response) => {
      times.push(Date.now());
      response.writeHead(times.length < 4 ? 503 : 404, { 'Retry-After': '1' }).end();
    },
    async (api) => {
      const options = { api, WebSocket: socketsThat(large) };
      for await (const _ of follow(api, { [A]: 0 }, { signal: AbortSignal.timeout(1500) }));
      await assert.rejects(all(followSocket('ws://x/ws', { [A]: 0 }, options)), Refused);
    },
  );
  assert.equal(times.length, 4);
  assert.ok(times[1] - times[0] >= 990 && times[3] - times[2] >= 990, `${times}`);
});

test('an address that is none is reported', async () => {
  const WebSocket = class {
    constructor() {
      throw new SyntaxError('The URL is invalid');
    }
  };
  const reported = all(followSocket('nowhere', { [A]: 0 }, { WebSocket })).catch((error) => error);
  assert.ok((await Promise.race([reported, after(300)])) instanceof SyntaxError);
});

const line = (version) => `id: ${A}:${version}\ndata: {"resource":"${A}","version":${version}}\n\n`;

test('a connection without a byte is taken for dead, with an answer begun or not', async () => {
  const asked = [];
  await serving(
    (request, response) => {
      asked.push(request.headers['last-event-id']);
      if (asked.length === 1) response.write(`retry: 1\n\n${line(1)}`);
      if (asked.length === 3) response.end(line(2));
    },
    async (api) => {
      const following = (async () => {
        const found = [];
        for await (const { version } of follow(api, { [A]: 0 }, { silence: 100 })) {
          if (found.push(version) === 2) return found;
        }
      })();
      assert.deepEqual(await Promise.race([following, after(3000)]), [1, 2]);
      assert.deepEqual(asked, [`${A}:0`, `${A}:1`, `${A}:1`]);
    },
  );
});

test('neither a stream that is still there nor one who reads slowly is taken for dead', async () => {
  let asked = 0;
  await serving(
    async (request, response) => {
      asked++;
      response.write(line(1));
      for (let n = 0; n < 10; n++) {
        await after(40);
        response.write(': still here\n\n');
      }
      response.write(line(2));
    },
    async (api) => {
      for await (const { version } of follow(api, { [A]: 0 }, { silence: 150 })) {
        if (version === 2) break;
        await after(300);
      }
      assert.equal(asked, 1);
    },
  );
});

test('who stops while nothing comes is heard', async () => {
  for (const begun of [true, false]) {
    const stop = new AbortController();
    await serving(
      (request, response) => {
        if (begun) response.write(': still here\n\n');
        setTimeout(() => stop.abort(), 50);
      },
      async (api) => {
        const following = all(follow(api, { [A]: 0 }, { signal: stop.signal }));
        assert.deepEqual(await Promise.race([following, after(1000)]), []);
        assert.equal(getEventListeners(stop.signal, 'abort').length, 0);
      },
    );
  }
});

test('a page of the history that does not come is asked for again', async () => {
  let asked = 0;
  await serving(
    (request, response) => {
      if (asked++ > 0) response.end('{"items": [{"version": 1}]}');
    },
    async (api) => {
      const options = { api, WebSocket: socketsThat(large), silence: 100 };
      const following = followSocket('ws://x/ws', { [A]: 0 }, options);
      const first = await Promise.race([following.next(), after(1500)]);
      assert.equal(first?.value.version, 1);
      await following.return();
    },
  );
});

/** A server that replays, at each subscription, `count` events and `live`, but loses some. */
const replaying = (count, lost = () => false) => {
  const replays = [];
  const told = (socket, { action, topics }) => {
    if (action !== 'subscribe') return;
    for (const { resource, from } of topics) {
      replays.push(from);
      for (let version = from + 1; version <= count; version++) {
        const event = { resource, version };
        if (!lost(version, replays.length)) socket.say({ type: 'event', event });
      }
      if (!lost('live', replays.length)) socket.say({ type: 'live', cursor: `${resource}:${count}` });
    }
  };
  return { replays, told };
};

test('one who takes his time is not sent everything again', async () => {
  const { replays, told } = replaying(10);
  const found = [];
  const options = { WebSocket: socketsThat(told), patience: 50 };
  for await (const { version } of followSocket('ws://x/ws', { [A]: 0 }, options)) {
    await after(40);
    if (found.push(version) === 10) break;
  }
  assert.deepEqual(found, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  assert.deepEqual(replays, [0]);
});

test('what was lost is asked for again, by one who takes his time, too', async () => {
  for (const lost of [3, 10]) {
    const { replays, told } = replaying(10, (version, replay) => replay === 1 && version === lost);
    const found = [];
    const options = { WebSocket: socketsThat(told), patience: 50 };
    for await (const { version } of followSocket('ws://x/ws', { [A]: 0 }, options)) {
      await after(20);
      if (found.push(version) === 10) break;
    }
    assert.deepEqual(found, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    assert.deepEqual(replays, [0, lost - 1]);
  }
});

test('a subscription that was lost is asked for again, and one that was not is not', async () => {
  const { replays, told } = replaying(2, (version, replay) => replay === 1);
  const options = { WebSocket: socketsThat(told), patience: 50, signal: AbortSignal.timeout(400) };
  assert.deepEqual(await all(followSocket('ws://x/ws', { [A]: 0 }, options)), [1, 2]);
  assert.deepEqual(replays, [0, 0]);
});

test('what is missing is asked for again while other resources have much to say', async () => {
  const B = A.replace(/a$/, 'b');
  const { replays, told } = replaying(3, (version, replay) => replay === 1 && version === 2);
  let chatter;
  let version = 0;
  const WebSocket = socketsThat((socket, { action, topics }) => {
    told(socket, { action, topics: topics.filter(({ resource }) => resource === A) });
    const talk = () => socket.say({ type: 'event', event: { resource: B, version: ++version } });
    chatter ??= setInterval(talk, 5);
  });
  const found = [];
  const options = { WebSocket, patience: 100, signal: AbortSignal.timeout(2000) };
  for await (const { resource, version } of followSocket('ws://x/ws', { [A]: 0, [B]: 0 }, options)) {
    if (resource === A && found.push(version) === 3) break;
  }
  clearInterval(chatter);
  assert.deepEqual(found, [1, 2, 3]);
});
