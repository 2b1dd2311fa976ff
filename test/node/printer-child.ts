/**
 * Prints, for the tests of the printer: argv holds how many lines, their length, and "forever" for a
 * process that goes on. Its findings go to file descriptor 3, as one line of JSON.
 */
import { readFileSync, writeSync } from "node:fs";
import { createPrinter } from "../../src/node/printer.ts";

const lines = Number(process.argv[2]);
const length = Number(process.argv[3]);
const printer = createPrinter();
const flagsBefore = flags();
let longestGapMs = 0;
let lastTurnAt = performance.now();
const turns = setInterval(() => {
  longestGapMs = Math.max(longestGapMs, performance.now() - lastTurnAt);
  lastTurnAt = performance.now();
}, 1);

let printed = 0;
while (printed < lines) {
  for (let i = 0; i < 100 && printed < lines; i += 1, printed += 1) {
    printer.print(`line ${printed} ${"x".repeat(length)}`);
  }
  await new Promise(setImmediate);
}
// Before the end, which may have to end a socket.
const sameFlags = flags() === flagsBefore;
const isFree = await printer.flush();
clearInterval(turns);
const findings = { longestGapMs, isFree, sameFlags };
writeSync(3, `${JSON.stringify(findings)}\n`);
process.exit(7);

/** What the command shares with us: the open flags of standard error. */
function flags(): string {
  return /^flags:.*$/mu.exec(readFileSync("/proc/self/fdinfo/2", "utf8"))?.[0] ?? "";
}
