/**
 * DNS for one replica, which says what a test wants it to say: a server on an address of its own, and
 * a mount namespace in which the resolver of the C library asks nobody and nothing else.
 */
import { spawnSync } from "node:child_process";
import { createSocket } from "node:dgram";
import { writeFileSync } from "node:fs";
import type { TestContext } from "node:test";
import { scratchFolder } from "../hosts/bin.ts";

export interface Names {
  /** Words before the entry point. */
  readonly before: readonly string[];
  /** From now on every name has these addresses; without any, no name exists. */
  say(addresses: readonly string[]): void;
  /** From now on nobody answers. */
  hush(): void;
}

const port = 53;
/** Offsets in a message (RFC 1035, 4.1.1), the code for "no such name", and the type of an address. */
const header = { flags: 2, answers: 6, end: 12 };
const answered = 0x8180;
const noSuchName = 3;
const addressType = 1;

export async function openNames(t: TestContext): Promise<Names> {
  let addresses: readonly string[] | undefined = [];
  const socket = createSocket("udp4");
  socket.on("message", (question, peer) => {
    if (addresses !== undefined) socket.send(answer(question, addresses), peer.port, peer.address);
  });
  const [a, b] = [0, 0].map(() => 1 + Math.floor(Math.random() * 250));
  const host = `127.53.${a}.${b}`;
  await new Promise<void>((resolve, reject) => {
    socket.once("error", reject);
    socket.bind(port, host, resolve);
  });
  t.after(() => socket.close());
  const folder = scratchFolder(t);
  // The resolver of musl reads /etc/hosts whatever nsswitch.conf says.
  const files = {
    "resolv.conf": `nameserver ${host}\n`,
    "nsswitch.conf": "hosts: dns\n",
    hosts: "",
  };
  const binds = Object.entries(files).map(([name, text]) => {
    writeFileSync(`${folder}/${name}`, text);
    return `mount --bind ${folder}/${name} /etc/${name}`;
  });
  const script = [...binds, 'exec "$@"'].join(" && ");
  return {
    before: [...unshare, "sh", "-c", script, "sh"],
    say(wanted) {
      addresses = wanted;
    },
    hush() {
      addresses = undefined;
    },
  };
}

/** Options of a test that needs a mount namespace: skipped, saying why, but never in CI. */
export function needsMountNamespace(): { skip: string | false } {
  const [file = "", ...words] = unshare;
  const probe = spawnSync(file, [...words, "true"], { encoding: "utf8" });
  if (probe.status === 0 || process.env["CI"] === "true") return { skip: false };
  return { skip: `unshare is not permitted: ${probe.error?.message ?? probe.stderr.trim()}` };
}

const unshare: readonly string[] = ["unshare", "--mount"];

/** The question comes back, and the addresses behind it; of other types there are none. */
function answer(question: Buffer, addresses: readonly string[]): Buffer {
  let at = header.end;
  while (question[at] !== 0) at += 1 + (question[at] ?? 0);
  const type = question.readUInt16BE(at + 1);
  const wanted = type === addressType ? addresses : [];
  const head = Buffer.from(question.subarray(0, at + 5));
  head.writeUInt16BE(answered | (addresses.length === 0 ? noSuchName : 0), header.flags);
  head.writeUInt16BE(wanted.length, header.answers);
  // No name servers, and nothing additional.
  head.fill(0, header.answers + 2, header.end);
  // The name by reference, type and class, a life of no time, and four bytes.
  const start = [0xc0, header.end, 0, addressType, 0, 1, 0, 0, 0, 0, 0, 4];
  const records = wanted.map((address) =>
    Buffer.from([...start, ...address.split(".").map(Number)]),
  );
  return Buffer.concat([head, ...records]);
}
