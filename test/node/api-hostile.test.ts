/** The API client before servers that speak anything but HTTP as it should be. */
import assert from "node:assert/strict";
import { connect, createServer, type Socket } from "node:net";
import { type TestContext, test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { createServer as createPlainServer } from "node:http";
import type { Report } from "../../src/core/protocol.ts";
import { type Api, createApi } from "../../src/node/api/api.ts";
import { oneOf, type Pick, pickBy } from "../core/hostile-texts.ts";
import { until } from "../support/processes.ts";
import { answerBytes, pieces, weigh } from "./hostile-bytes.ts";
import { open } from "./loopback-api.ts";

const isLast = ({ type }: Report): boolean => /^(answered|unanswered|ended)$/.test(type);

/** An exchange: what was asked, when, and how often it ended. */
interface Asked {
  readonly startedAt: number;
  readonly timeoutMs: number;
  readonly isWatch: boolean;
  isAbandoned: boolean;
  opened: number;
  ends: number;
  endedMs: number;
}

/** Everything that was asked of an API client, and everything that it reported. */
class Record {
  readonly asked = new Map<string, Asked>();
  readonly problems: string[] = [];
  /** How often each kind of report came. */
  readonly kinds = new Map<Report["type"], number>();
  readonly api: Api;
  readonly #pick: Pick;

  constructor(port: number, pick: Pick) {
    this.#pick = pick;
    const server = {
      host: "127.0.0.1",
      port,
      basePath: "",
      headers: { Authorization: "Bearer t" },
    };
    this.api = createApi({
      access: { server: () => Promise.resolve(server), refused: () => {} },
      report: (report) => this.#take(report),
    });
  }

  ask(): void {
    const id = `exchange-${this.asked.size + 1}`;
    const isWatch = this.#pick(4) === 0;
    const timeoutMs = 400 + this.#pick(600);
    const counts = { isAbandoned: false, opened: 0, ends: 0, endedMs: 0 };
    this.asked.set(id, { startedAt: performance.now(), timeoutMs, isWatch, ...counts });
    const fresh = this.#pick(5) === 0 ? { fresh: true as const } : {};
    const common = { id, path: "/x", timeoutMs, ...fresh };
    const content = oneOf(this.#pick, [{ method: "GET" }, { method: "PUT", body: "{}" }] as const);
    if (isWatch) this.api.watch({ type: "watch", ...common });
    else this.api.request({ type: "request", ...common, ...content });
    if (this.#pick(10) === 0) setTimeout(() => this.#abandon(id), this.#pick(timeoutMs));
  }

  /** Those without an end yet; a watch that has opened goes on until it is abandoned. */
  get pending(): number {
    for (const [id, it] of this.asked) {
      if (it.opened > 0 && performance.now() - it.startedAt > 300) this.#abandon(id);
    }
    return [...this.asked.values()].filter((it) => it.ends === 0 && !it.isAbandoned).length;
  }

  #abandon(id: string): void {
    const it = this.asked.get(id);
    if (it === undefined || it.ends > 0) return;
    it.isAbandoned = true;
    this.api.abandon(id);
  }

  #take(report: Report): void {
    const it = "id" in report ? this.asked.get(report.id) : undefined;
    this.kinds.set(report.type, (this.kinds.get(report.type) ?? 0) + 1);
    if (it === undefined) return void this.problems.push(`nobody asked for ${report.type}`);
    if (it.isAbandoned || it.ends > 0) this.problems.push(`${report.type} after the end`);
    if (!it.isWatch && !/^(un)?answered$/.test(report.type)) this.problems.push(report.type);
    if (report.type === "opened") it.opened += 1;
    if (isLast(report)) {
      it.ends += 1;
      it.endedMs = performance.now() - it.startedAt;
    }
    if (report.type === "line" && report.text.length > 1024 * 1024) this.problems.push("long line");
    assert.deepEqual(JSON.parse(JSON.stringify(report)), report);
  }
}

async function speak(socket: Socket, pick: Pick): Promise<void> {
  const way = pick(20);
  if (way === 0) return;
  if (way === 1) return void socket.resetAndDestroy();
  for (const piece of pieces(answerBytes(pick), pick)) {
    if (socket.destroyed) return;
    socket.write(piece);
    if (pick(3) === 0) await turn();
  }
  const end = pick(6);
  if (end === 0) socket.end();
  if (end === 1) socket.resetAndDestroy();
}

async function fuzz(t: TestContext, exchanges: number, seed: number): Promise<Record> {
  const pick = pickBy(seed);
  const server = createServer((socket) => {
    if (pick(15) === 0) void speak(socket, pick);
    socket.on("data", () => void speak(socket, pick));
  });
  const { port, sockets } = await open(t, server);
  const weight = weigh();
  const record = new Record(port, pick);
  while (record.asked.size < exchanges) {
    await until(() => record.pending < 24, "an exchange ends");
    record.ask();
  }
  await until(() => record.pending === 0, "every exchange ends");
  record.api.close();
  await until(() => sockets.every(({ destroyed }) => destroyed), "every connection is closed");
  await until(() => weight.descriptors() <= 2, "every descriptor is closed");
  weight.assertNoMore();
  return record;
}

test("N20 N22 request() and watch() end exactly once in 1200 exchanges with noise", async (t) => {
  const { asked, problems, kinds } = await fuzz(t, 1200, 20_260_101);
  assert.deepEqual(problems, []);
  for (const kind of ["answered", "unanswered", "opened", "line", "ended"] as const) {
    assert.ok((kinds.get(kind) ?? 0) > 0, `${kind}: ${kinds.get(kind)}`);
  }
  let requests = 0;
  for (const [id, it] of asked) {
    assert.equal(it.ends, it.isAbandoned ? 0 : 1, id);
    if (it.isWatch || it.isAbandoned) continue;
    requests += 1;
    // Timers are late on a machine that is busy; nothing else may be.
    assert.ok(it.endedMs < it.timeoutMs + 3000, `${id} took ${it.endedMs} of ${it.timeoutMs} ms`);
  }
  assert.ok(requests > 700, `only ${requests} requests ended`);
});

test("N20 request() answers a client that is well, after the noise", async (t) => {
  const pick = pickBy(7);
  let isWell = false;
  const server = createServer((socket) => {
    socket.on("data", () => {
      if (isWell) socket.end("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}");
      else void speak(socket, pick);
    });
  });
  const { port } = await open(t, server);
  const reports: Report[] = [];
  const target = { host: "127.0.0.1", port, basePath: "", headers: {} };
  const api = createApi({
    access: { server: () => Promise.resolve(target), refused: () => {} },
    report: (report) => reports.push(report),
  });
  t.after(() => api.close());
  const ask = async (id: string): Promise<Report | undefined> => {
    api.request({ type: "request", id, method: "PUT", path: "/", timeoutMs: 300, fresh: true });
    const find = () => reports.find((it) => "id" in it && it.id === id);
    await until(() => find() !== undefined, `the end of ${id}`);
    return find();
  };
  for (let n = 0; n < 60; n++) await ask(`noise-${n}`);
  isWell = true;
  assert.deepEqual(await ask("well"), { type: "answered", id: "well", status: 200, body: "{}" });
});

test("N27 request() reports nothing of a Date that is an hour off", async (t) => {
  let offMs = 0;
  const server = createPlainServer((_, response) => {
    const date = new Date(Date.now() + offMs).toUTCString();
    response.writeHead(429, { Date: date, "Retry-After": date }).end("{}");
  });
  const { port } = await open(t, server);
  const reports: Report[] = [];
  const target = { host: "127.0.0.1", port, basePath: "", headers: {} };
  const api = createApi({
    access: { server: () => Promise.resolve(target), refused: () => {} },
    report: (report) => reports.push(report),
  });
  t.after(() => api.close());
  for (offMs of [0, 3_600_000, -3_600_000]) {
    api.request({ type: "request", id: "r", method: "GET", path: "/", timeoutMs: 5000 });
    await until(() => reports.length > 0, "an answer");
    // What the program is not told it cannot decide by.
    assert.deepEqual(reports.splice(0), [{ type: "answered", id: "r", status: 429, body: "{}" }]);
  }
});

test("N22 request() sends its token to nobody but who was asked, whatever he answers", async (t) => {
  let stolen = 0;
  const other = await open(
    t,
    createServer((socket) => socket.on("data", () => (stolen += 1))),
  );
  const pick = pickBy(3);
  const { port } = await open(
    t,
    createServer((socket) => {
      socket.on("data", () => {
        const status = oneOf(pick, [300, 301, 302, 303, 305, 307, 308, 399]);
        socket.end(`HTTP/1.1 ${status} X\r\nLocation: http://127.0.0.1:${other.port}/\r\n\r\n`);
      });
    }),
  );
  const record = new Record(port, pick);
  for (let n = 0; n < 100; n++) record.ask();
  await until(() => record.pending === 0, "every exchange ends");
  record.api.close();
  // Whatever was sent there would have arrived before this.
  const probe = connect(other.port, "127.0.0.1");
  probe.write("probe");
  await until(() => stolen > 0, "the probe arrives");
  probe.destroy();
  assert.equal(stolen, 1);
  assert.deepEqual(record.problems, []);
});
