// Follow resources live: each event once, in the order of its resource, across disconnects.
// Browsers and Node 18 or later; no dependencies.
//
// Two ways. `follow` reads server-sent events by fetch: it can send a token in a header, and goes
// wherever HTTP goes. `followSocket` uses a WebSocket: one connection for many resources, opened
// with a ticket where a header cannot be sent.

const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 10_000;
const LONGEST_ADVICE_MS = 60_000;
const PATIENCE_MS = 5_000;
const SILENCE_MS = 45_000; // an event stream says something every 15 s
const PING_MS = 60_000; // API Gateway ends a connection after ten minutes without a word
const MOST_RESOURCES = 20;

/** The server will not have it. `problem` is its problem document, or its status alone. */
export class Refused extends Error {
  constructor(problem) {
    super(problem.detail ?? `status ${problem.status}`);
    this.problem = problem;
  }
}

/** The server may have it later: in `pause` milliseconds, if it says so. */
class Later extends Error {
  constructor(status, pause) {
    super(`status ${status}`);
    this.pause = pause;
  }
}

/**
 * Events of one resource, once and in order, whatever order they arrive in. Versions have no holes:
 * what is next is known, and so is what is missing.
 */
export class Order {
  #held = new Map();
  #shown = 0;

  constructor(seen) {
    this.seen = seen;
  }

  /** Take events as they arrive; return those that are next by now. */
  take(events) {
    for (const event of events) this.#held.set(event.version, event);
    if (this.seen === null) return [];
    const ready = [];
    for (let next; (next = this.#held.get(this.seen + 1)); ) {
      this.#held.delete(++this.seen);
      ready.push(next);
    }
    for (const version of this.#held.keys()) if (version <= this.seen) this.#held.delete(version);
    return ready;
  }

  /** Say where it begins, if that was left to the server. */
  start(version) {
    this.seen ??= version;
  }

  /** Note that the server shows everything up to `version`. */
  shown(version) {
    this.#shown = Math.max(this.#shown, version);
  }

  get incomplete() {
    return this.seen !== null && (this.#held.size > 0 || this.#shown > this.seen);
  }
}

/**
 * Read server-sent events (WHATWG HTML, 9.2) from pieces of bytes that end anywhere. Yields
 * {id, event, data, retry}; an event that has not ended with a blank line is not there.
 */
export async function* parse(pieces) {
  const decoder = new TextDecoder();
  let text = '';
  let id;
  let block = {};
  for await (const piece of pieces) {
    text += decoder.decode(piece, { stream: true });
    const lines = text.split(/\r\n|\n|\r(?!$)/);
    text = lines.pop();
    for (const line of lines) {
      if (line === '') {
        if (block.data !== undefined || block.retry !== undefined) yield { id, ...block };
        block = {};
        continue;
      }
      const colon = line.indexOf(':');
      const name = colon < 0 ? line : line.slice(0, colon);
      const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
      if (name === 'data') block.data = block.data === undefined ? value : `${block.data}\n${value}`;
      else if (name === 'event') block.event = value;
      else if (name === 'id' && !value.includes('\0')) id = value;
      else if (name === 'retry' && /^\d+$/.test(value)) block.retry = Number(value);
    }
  }
}

/**
 * Yield the events of up to 20 resources, by server-sent events.
 *
 *   for await (const event of follow('http://127.0.0.1:8000', { [resource]: 0 })) …
 *
 * `seen` has the last version that was seen of each: 0 for all of its history, null for "from now
 * on". `headers` is called at each connection, for Authorization. An event that no answer could hold
 * has `href` in place of `data`. A connection without a byte for `silence` milliseconds is taken for
 * dead. Ends when `signal` is aborted, or with `Refused`; everything else is
 * tried again, and not before the server's `Retry-After`, if it is within a minute.
 */
export async function* follow(api, seen, options = {}) {
  const { headers = () => ({}), signal, silence = SILENCE_MS } = options;
  const orders = ordersOf(seen);
  if (orders.size > MOST_RESOURCES) throw new RangeError(`at most ${MOST_RESOURCES} resources`);
  let pause = FIRST_PAUSE_MS;
  while (!signal?.aborted) {
    let retry = null;
    try {
      const sent = { Accept: 'text/event-stream', ...(await headers()), ...position(orders) };
      const answer = await within(silence, signal, async (limit) => {
        const begun = await fetch(streamUrl(api, orders), { headers: sent, signal: limit });
        if (!begun.ok) throw await failure(begun);
        return begun;
      });
      const pieces = heard(answer.body, silence, signal);
      for await (const { event, data, retry: wait, id } of parse(pieces)) {
        retry = wait ?? retry;
        if (data === undefined) continue;
        if (event === 'live') {
          for (const each of id.split(',')) {
            const [resource, version] = each.split(':');
            orders.get(resource).start(Number(version));
          }
          continue;
        }
        const one = JSON.parse(data);
        for (const ready of orders.get(one.resource).take([one])) {
          pause = FIRST_PAUSE_MS;
          yield ready;
          if (signal?.aborted) return;
        }
      }
      pause = FIRST_PAUSE_MS; // a whole answer: the server ended it, and says when to come again
    } catch (error) {
      if (error instanceof Refused) throw error;
      if (signal?.aborted) return;
      retry = advised(error, pause);
    }
    await sleep(retry ?? jittered(pause), signal);
    pause = Math.min(2 * pause, LONGEST_PAUSE_MS);
  }
}

/**
 * Yield the events of resources, over a WebSocket.
 *
 *   followSocket('ws://127.0.0.1:8000/ws', { [resource]: 0 }, { ticket: async () => … })
 *
 * `ticket` is called before each connection and returns one of POST /tickets, or null. `api` is
 * where the HTTP API is, and `headers` for calls of it: for events too large for a frame, and gaps.
 * `WebSocket` is the class to use where there is none of that name. What is missing for `patience`
 * milliseconds is asked for again. Ends as `follow` does, and with
 * what `WebSocket` says of an address that is none.
 */
export async function* followSocket(url, seen, options = {}) {
  const { ticket = () => null, signal, WebSocket = globalThis.WebSocket } = options;
  const following = new Following(url, ordersOf(seen), options);
  let pause = FIRST_PAUSE_MS;
  while (!signal?.aborted) {
    let where;
    let socket;
    let failed;
    try {
      const spent = await ticket();
      if (signal?.aborted) return;
      where = spent ? `${url}?ticket=${encodeURIComponent(spent)}` : url;
      socket = new WebSocket(where);
      for await (const event of following.session(socket)) {
        pause = FIRST_PAUSE_MS;
        yield event;
      }
    } catch (error) {
      if (error instanceof Refused || (where && !socket)) throw error; // no address of a websocket
      failed = error;
    }
    await sleep(advised(failed, pause), signal);
    pause = Math.min(2 * pause, LONGEST_PAUSE_MS);
  }
}

class Following {
  #orders;
  #patience;
  #api;
  #headers;
  #silence;
  #signal;
  #moved = new Map(); // when each resource went on last, or was asked for
  #live = new Set();

  constructor(url, orders, options) {
    const { api, headers = () => ({}), patience = PATIENCE_MS, silence = SILENCE_MS } = options;
    this.#silence = silence;
    this.#signal = options.signal;
    this.#orders = orders;
    this.#patience = patience;
    this.#api = (api ?? url.replace(/^ws/, 'http').replace(/^(https?:\/\/[^/]+).*$/, '$1')) //
      .replace(/\/$/, '');
    this.#headers = headers;
  }

  async *session(socket) {
    const signal = this.#signal;
    const inbox = new Inbox();
    const stop = () => {
      inbox.end();
      socket.close();
    };
    socket.addEventListener('message', ({ data }) => {
      const frame = JSON.parse(data);
      heard = Date.now();
      this.#note(frame); // however much is still to be taken before it
      inbox.put(frame);
    });
    socket.addEventListener('close', () => inbox.end());
    socket.addEventListener('error', () => inbox.end());
    socket.addEventListener('open', () => this.#subscribe(socket, [...this.#orders.keys()]));
    signal?.addEventListener('abort', stop);
    if (signal?.aborted) stop();
    this.#live.clear();
    let heard = Date.now();
    let pinged = heard;
    const clock = setInterval(() => {
      if (socket.readyState !== 1) return;
      const missing = inbox.idle ? this.#missing() : [];
      if (missing.length > 0) this.#subscribe(socket, missing);
      if (Date.now() - heard > PING_MS + 10_000) stop();
      else if (Date.now() - Math.max(heard, pinged) > PING_MS) {
        pinged = Date.now();
        socket.send('{"action":"ping"}');
      }
    }, this.#patience / 4);
    try {
      for await (const frame of inbox) {
        for (const event of await this.#take(frame)) {
          if (signal?.aborted) return;
          yield event;
        }
        if (signal?.aborted) return;
      }
    } finally {
      clearInterval(clock);
      signal?.removeEventListener('abort', stop);
      socket.close();
    }
  }

  #note(frame) {
    if (frame.type !== 'live') return;
    const [resource, version] = frame.cursor.split(':');
    this.#live.add(resource);
    this.#orders.get(resource)?.shown(Number(version));
  }

  #missing() {
    const late = Date.now() - this.#patience;
    return [...this.#orders.keys()].filter(
      (resource) =>
        this.#moved.get(resource) < late &&
        (this.#orders.get(resource).incomplete || !this.#live.has(resource)),
    );
  }

  #next(resource, events) {
    const ready = this.#orders.get(resource).take(events);
    if (ready.length > 0) this.#moved.set(resource, Date.now());
    return ready;
  }

  #subscribe(socket, resources) {
    for (let start = 0; start < resources.length; start += 50) {
      const topics = resources.slice(start, start + 50).map((resource) => {
        this.#moved.set(resource, Date.now());
        const { seen } = this.#orders.get(resource);
        return seen === null ? { resource } : { resource, from: seen };
      });
      socket.send(JSON.stringify({ action: 'subscribe', topics }));
    }
  }

  async #take(frame) {
    switch (frame.type) {
      case 'subscribed':
        for (const { resource, from } of frame.topics) this.#orders.get(resource)?.start(from);
        return [];
      case 'event':
      case 'events': {
        const events = frame.events ?? [frame.event];
        const whole = await Promise.all(events.map((event) => this.#whole(event)));
        return this.#next(events[0].resource, whole);
      }
      case 'gap': {
        const fetched = await this.#history(frame.resource, frame.from, frame.to);
        return this.#next(frame.resource, fetched);
      }
      case 'error':
        if ([400, 403, 404, 422].includes(frame.problem.status)) throw new Refused(frame.problem);
        return [];
      default:
        return [];
    }
  }

  async #whole(event) {
    if (!event.href) return event;
    return (await this.#history(event.resource, event.version, event.version))[0];
  }

  async #history(resource, first, last) {
    const events = [];
    while (first <= last) {
      const limit = Math.min(200, last - first + 1);
      const cursor = first > 1 ? `&cursor=${first - 1}` : '';
      const url = `${this.#api}/resources/${resource}/events?limit=${limit}${cursor}`;
      const headers = await this.#headers();
      const { items } = await within(this.#silence, this.#signal, async (limit) => {
        const answer = await fetch(url, { headers, signal: limit });
        if (!answer.ok) throw await failure(answer);
        return answer.json();
      });
      if (items.length === 0) break;
      events.push(...items);
      first = items.at(-1).version + 1;
    }
    return events;
  }
}

/** What came and was not taken yet, as an async iterable. It is idle while its taker waits. */
class Inbox {
  idle = false;
  #frames = [];
  #ended = false;
  #wake = () => {};

  put(frame) {
    this.idle = false;
    this.#frames.push(frame);
    this.#wake();
  }

  end() {
    this.#ended = true;
    this.#wake();
  }

  async *[Symbol.asyncIterator]() {
    for (;;) {
      while (this.#frames.length > 0) yield this.#frames.shift();
      if (this.#ended) return;
      this.idle = true;
      await new Promise((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}

function ordersOf(seen) {
  return new Map(Object.entries(seen).map(([resource, version]) => [resource, new Order(version)]));
}

function streamUrl(api, orders) {
  const query = [...orders.keys()].map((resource) => `resource=${resource}`).join('&');
  return `${api.replace(/\/$/, '')}/events/stream?${query}`;
}

/** What was seen so far; of a resource without a position, the server tells one. */
function position(orders) {
  const known = [...orders].filter(([, order]) => order.seen !== null);
  if (known.length === 0) return {};
  return { 'Last-Event-ID': known.map(([resource, { seen }]) => `${resource}:${seen}`).join(',') };
}

/** Whether an answer that brings nothing is final: so are all that blame the request, but three. */
async function failure(answer) {
  const { status } = answer;
  const problem = await answer.json().catch(() => ({}));
  if (status >= 400 && status < 500 && ![408, 425, 429].includes(status)) {
    return new Refused({ status, ...problem });
  }
  const advice = 1000 * Number(answer.headers.get('Retry-After')); // a date is no number
  return new Later(status, Math.min(advice || 0, LONGEST_ADVICE_MS));
}

/** How long to wait after an error: as long as the server says, and no less than anyway. */
function advised(error, pause) {
  return Math.max(error instanceof Later ? error.pause : 0, jittered(pause));
}

/** Yield a body's pieces, until it ends or none comes for too long. Who reads slowly has time. */
async function* heard(body, silence, signal) {
  const reader = body.getReader();
  const leave = () => reader.cancel().catch(() => {});
  try {
    for (;;) {
      const { done, value } = await within(silence, signal, (limit) => {
        limit.addEventListener('abort', leave); // which ends a read that waits
        return reader.read();
      });
      if (done) return;
      yield value;
    }
  } finally {
    leave();
  }
}

/** Call with a signal that is aborted when `signal` is, or after some milliseconds. */
async function within(ms, signal, call) {
  signal?.throwIfAborted();
  const limit = new AbortController();
  const stop = () => limit.abort();
  const timer = setTimeout(stop, ms);
  signal?.addEventListener('abort', stop);
  try {
    return await call(limit.signal);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', stop);
  }
}

function jittered(ms) {
  return ms * (0.5 + Math.random() / 2);
}

function sleep(ms, signal) {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const wake = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', wake);
      resolve();
    };
    const timer = setTimeout(wake, ms);
    signal?.addEventListener('abort', wake);
  });
}
