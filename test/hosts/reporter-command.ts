/** A command that says how it finds itself, as one line of JSON, and ends with code 3. */
import { readFileSync, readlinkSync, writeSync } from "node:fs";

const status = readFileSync("/proc/self/status", "latin1");
const stat = readFileSync("/proc/self/stat", "latin1").split(") ")[1]?.split(" ") ?? [];

writeSync(
  1,
  `${JSON.stringify({
    argv: readFileSync("/proc/self/cmdline").toString("base64"),
    environment: readFileSync("/proc/self/environ").toString("base64"),
    folder: readlinkSync("/proc/self/cwd"),
    mask: /^Umask:\s*(\d+)/m.exec(status)?.[1],
    limits: readFileSync("/proc/self/limits", "latin1"),
    nice: stat[16],
    input: readFileSync(0).toString("base64"),
  })}\n`,
);
process.exitCode = 3;
