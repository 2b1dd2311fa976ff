/** Bytes that are nearly HTTP, and what they may cost a process that has to read them. */
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { oneOf, type Pick } from "../core/hostile-texts.ts";

const mebibyte = 1024 * 1024;

const statusLines = [
  "HTTP/1.1 200 OK",
  "HTTP/1.1 200 OK",
  "HTTP/1.1 200 OK",
  "HTTP/1.0 201",
  "HTTP/1.1 100 Continue",
  "HTTP/1.1 103 Early Hints",
  "HTTP/1.1 101 Switching Protocols",
  "HTTP/1.1 204 No Content",
  "HTTP/1.1 304 Not Modified",
  "HTTP/1.1 307 Temporary Redirect",
  "HTTP/1.1 401 Unauthorized",
  "HTTP/1.1 429 Too Many Requests",
  "HTTP/1.1 503",
  "HTTP/1.1 000 No",
  "HTTP/1.1 9999 No",
  "HTTP/2 200",
  "HTTP/0.9 200 OK",
  "ICY 200 OK",
  "",
];

const headers = [
  "Content-Length: 2",
  "Content-Length: 0",
  "Content-Length: -1",
  "Content-Length: 99999999999999999999",
  "Content-Length: 2\r\nContent-Length: 3",
  "Transfer-Encoding: chunked",
  "Transfer-Encoding: chunked\r\nContent-Length: 5",
  "Transfer-Encoding: gzip, chunked",
  "Connection: close",
  "Connection: keep-alive",
  "Connection: Upgrade\r\nUpgrade: h2c",
  "Keep-Alive: timeout=0",
  "Location: http://127.0.0.1:1/",
  "Retry-After: 1",
  "Retry-After: 999999999999999999999",
  "Retry-After: -1\r\nRetry-After: abc",
  "Content-Encoding: gzip",
  "Date: Thu, 01 Jan 1970 00:00:00 GMT",
  "Set-Cookie: a=b",
  "Trailer: X",
  " folded",
  "no colon",
  ": no name",
  "__proto__: x",
  `X-Long: ${"x".repeat(20_000)}`,
  "X-\u0000: \u0001",
  ...Array.from({ length: 4 }, () => "X: y"),
];

const bodies = [
  "",
  "{}",
  '{"kind":"Lease"}\n',
  "2\r\n{}\r\n0\r\n\r\n",
  "2\r\n{}\r\n0\r\nTrailer: x\r\n\r\n",
  "ffffffffffffffff\r\n",
  "2;ext=1\r\n{}\r\n",
  "-1\r\n{}\r\n",
  "{}HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
  "\n".repeat(5000),
  "x".repeat(70_000),
  "x".repeat(mebibyte + 1),
];

/** An answer with something wrong with it, more often than not. */
export function answerBytes(pick: Pick): Buffer {
  if (pick(3) === 0) return Buffer.from("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n{}\n");
  if (pick(12) === 0) return noise(pick, pick(3000));
  if (pick(20) === 0) return Buffer.from("HTTP/1.1 100 Continue\r\n\r\n".repeat(pick(2000)));
  const head = Array.from({ length: pick(6) }, () => oneOf(pick, headers));
  if (pick(25) === 0) head.push(...Array.from({ length: 3000 }, (_, n) => `X-${n}: y`));
  const end = oneOf(pick, ["\r\n", "\r\n", "\r\n", "\n", "\r"]);
  const lines = [oneOf(pick, statusLines), ...head, "", ""].join(end);
  const whole = Buffer.from(lines + oneOf(pick, bodies), "latin1");
  return pick(5) === 0 ? whole.subarray(0, pick(whole.length + 1)) : whole;
}

const requestLines = [
  "GET / HTTP/1.1",
  "GET / HTTP/1.0",
  "GET /",
  "POST /x HTTP/1.1",
  "\r\n\r\nGET / HTTP/1.1",
  "CONNECT a:1 HTTP/1.1",
  "PRI * HTTP/2.0",
  `GET /${"x".repeat(9000)} HTTP/1.1`,
  "get / http/1.1",
  "",
];

/** A request with something wrong with it, more often than not. */
export function requestBytes(pick: Pick): Buffer {
  if (pick(8) === 0) return noise(pick, pick(20_000));
  const head = Array.from({ length: pick(6) }, () => oneOf(pick, headers));
  const host =
    pick(3) === 0 ? [] : ["Host: h", "Expect: 100-continue"].slice(pick(2) === 0 ? 1 : 0);
  const lines = [oneOf(pick, requestLines), ...host, ...head, "", ""].join("\r\n");
  const whole = Buffer.from(lines + oneOf(pick, bodies), "latin1");
  return pick(5) === 0 ? whole.subarray(0, pick(whole.length + 1)) : whole;
}

/** The bytes in pieces of any size. */
export function pieces(bytes: Buffer, pick: Pick): Buffer[] {
  const parts: Buffer[] = [];
  const most = oneOf(pick, [1, 7, 1000, 100_000]);
  // Single bytes for the beginning only: a megabyte of them would test the patience of the tester.
  for (let at = 0; at < bytes.length; ) {
    const size = 1 + pick(at < 300 ? most : 65_536);
    parts.push(bytes.subarray(at, at + size));
    at += size;
  }
  return parts;
}

function noise(pick: Pick, length: number): Buffer {
  return Buffer.from(Array.from({ length }, () => pick(256)));
}

/** What the process holds; the function returned asserts that it does not hold much more now. */
export function weigh(): { assertNoMore(): void; descriptors(): number } {
  const before = { descriptors: descriptors(), rss: process.memoryUsage().rss };
  return {
    descriptors: () => descriptors() - before.descriptors,
    assertNoMore() {
      const grown = (process.memoryUsage().rss - before.rss) / mebibyte;
      assert.ok(grown < 200, `${Math.round(grown)} MiB more`);
    },
  };
}

function descriptors(): number {
  return readdirSync("/proc/self/fd").length;
}
