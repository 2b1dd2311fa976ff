/**
 * A file system whose only file hangs whoever looks at it, in uninterruptible sleep: the kernel's
 * question has been taken, and nobody answers it. FUSE's protocol, as far as that needs it.
 */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdtempSync, openSync, read, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface HangingFolder {
  readonly path: string;
  /** Ends the file system: whoever hangs in it gets an error. */
  close(): void;
}

const [getAttributes, init] = [3, 26];
const headerBytes = 40;

/** @throws Error where mounting is not permitted. */
export async function mountHangingFolder(): Promise<HangingFolder> {
  const path = mkdtempSync(join(tmpdir(), "await-election-fuse-"));
  const device = openSync("/dev/fuse", "r+");
  let isOpen = true;
  const close = () => {
    if (!isOpen) return;
    isOpen = false;
    // By force everybody who hangs gets an error; only then is the folder free.
    for (const how of ["--force", "--lazy"]) spawnSync("umount", [how, path], { stdio: "ignore" });
    closeSync(device);
    rmSync(path, { recursive: true, force: true });
  };
  const options = "fd=3,rootmode=40000,user_id=0,group_id=0";
  const mount = spawn("mount", ["-i", "-t", "fuse", "-o", options, "hanging", path], {
    stdio: ["ignore", "ignore", "pipe", device],
  });
  let problem = "";
  mount.stderr?.setEncoding("utf8").on("data", (text: string) => {
    problem += text;
  });
  const [code] = (await once(mount, "close")) as [number];
  if (code !== 0) {
    closeSync(device);
    throw new Error(`Cannot mount a file system: ${problem}`);
  }
  answer(device);
  return { path, close };
}

/** Takes every question, answers that there is a folder, and leaves the rest waiting. */
function answer(device: number): void {
  const question = Buffer.alloc(256 * 1024);
  read(device, question, 0, question.length, null, (error) => {
    if (error !== null) return;
    const code = question.readUInt32LE(4);
    const unique = question.readBigUInt64LE(8);
    if (code === init) reply(device, unique, initAnswer(question));
    else if (code === getAttributes) reply(device, unique, folderAttributes());
    answer(device);
  });
}

function reply(device: number, unique: bigint, body: Buffer): void {
  const head = Buffer.alloc(16);
  head.writeUInt32LE(16 + body.length, 0);
  head.writeBigUInt64LE(unique, 8);
  writeSync(device, Buffer.concat([head, body]));
}

function initAnswer(question: Buffer): Buffer {
  const body = Buffer.alloc(64);
  body.writeUInt32LE(7, 0);
  body.writeUInt32LE(Math.min(31, question.readUInt32LE(headerBytes + 4)), 4);
  body.writeUInt32LE(65_536, 8);
  // The most of one write.
  body.writeUInt32LE(4096, 20);
  return body;
}

/** Valid for a long time: `attr_valid`, then `struct fuse_attr` with number, mode and links. */
function folderAttributes(): Buffer {
  const body = Buffer.alloc(16 + 88);
  body.writeBigUInt64LE(3600n, 0);
  body.writeBigUInt64LE(1n, 16);
  body.writeUInt32LE(0o40755, 16 + 60);
  body.writeUInt32LE(2, 16 + 64);
  return body;
}
