/** Servers that a probe asks, each with a way of its own not to answer. */
import type { Socket } from "node:net";

/** What is to be found of one. */
export interface Found {
  readonly ok: boolean;
  readonly detail: RegExp;
}

export type HostileServer = readonly [name: string, attend: (socket: Socket) => void, found: Found];

export function hostileServers(): readonly HostileServer[] {
  const head = "HTTP/1.1 200 OK\r\n";
  const late = { ok: false, detail: /^ETIMEDOUT 127\.0\.0\.1:\d+: no answer within 1000 ms$/ };
  return [
    ["a server that is silent", () => {}, late],
    [
      "a server that sends a byte now and then",
      (socket) => {
        const drip = setInterval(() => socket.writable && socket.write("H"), 50);
        socket.on("close", () => clearInterval(drip));
      },
      { ok: false, detail: /./ },
    ],
    [
      "a server with headers without end",
      (socket) => {
        socket.write(head);
        endless(socket, `X: ${"x".repeat(1000)}\r\n`);
      },
      { ok: false, detail: /^HPE_HEADER_OVERFLOW/ },
    ],
    [
      "a server with a body of ten gigabytes",
      (socket) => {
        socket.write(`${head}Content-Length: 10000000000\r\n\r\n`);
        endless(socket, "x".repeat(65_536));
      },
      { ok: true, detail: /^HTTP 200 from / },
    ],
    ["a server that hangs up", (socket) => socket.destroy(), { ok: false, detail: /^ECONNRESET/ }],
    [
      "a server of another protocol",
      (socket) => socket.write("220 mail.example ESMTP\r\n"),
      { ok: false, detail: /^HPE_/ },
    ],
  ];
}

function endless(socket: Socket, text: string): void {
  const more = () => {
    while (socket.writable && socket.write(text));
  };
  socket.on("drain", more);
  more();
}
