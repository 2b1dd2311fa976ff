/** The status endpoint before clients that speak anything but HTTP as it should be. */
import assert from "node:assert/strict";
import { connect, type Socket } from "node:net";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import type { Report } from "../../src/core/protocol.ts";
import { createListener } from "../../src/node/listener.ts";
import { freePort } from "../cluster/server-processes.ts";
import { type Pick, pickBy } from "../core/hostile-texts.ts";
import { until } from "../support/processes.ts";
import { pieces, requestBytes, weigh } from "./hostile-bytes.ts";

const body = '{"status": "ok"}';

async function speak(socket: Socket, pick: Pick): Promise<void> {
  for (const piece of pieces(requestBytes(pick), pick)) {
    if (socket.destroyed) return;
    socket.write(piece);
    if (pick(3) === 0) await turn();
  }
  const end = pick(4);
  if (end === 0) socket.end();
  if (end === 1) socket.resetAndDestroy();
}

test("F6 listen() serves and holds no more after 500 clients that send noise", async (t) => {
  const pick = pickBy(17);
  const reports: Report[] = [];
  let isWell = false;
  const listener = createListener({
    report(report) {
      reports.push(report);
      const reply = { status: 200, contentType: "text/plain; charset=utf-8", body };
      // Some replies never come, and some come twice.
      const most = isWell ? 1 : pick(3);
      for (let times = 0; times < most && report.type === "asked"; times++) {
        listener.reply({ type: "reply", id: report.id, ...reply });
      }
    },
  });
  t.after(() => listener.close());
  const port = await freePort();
  listener.listen({ type: "listen", host: "127.0.0.1", port });
  await until(() => reports.length > 0, "listening");
  const weight = weigh();
  const clients = new Set<Socket>();
  for (let n = 0; n < 500; n++) {
    await until(() => clients.size < 100, "a client is done");
    const socket = connect(port, "127.0.0.1");
    clients.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => clients.delete(socket));
    socket.resume();
    void speak(socket, pick);
  }
  await until(() => clients.size === 0, "every client is cut off");
  await until(() => weight.descriptors() <= 1, "every descriptor is closed");
  weight.assertNoMore();
  const asked = reports.flatMap((report) => (report.type === "asked" ? [report.id] : []));
  assert.ok(asked.length > 10 && asked.length <= 500, `asked ${asked.length} times`);
  assert.equal(new Set(asked).size, asked.length);
  assert.deepEqual(JSON.parse(JSON.stringify(reports)), reports);
  isWell = true;
  const socket = connect(port, "127.0.0.1");
  socket.write("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  assert.ok((await text(socket)).endsWith(`\r\n\r\n${body}`));
});
