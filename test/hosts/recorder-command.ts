/** A command that writes down every signal that it gets, and ends with code 12 at SIGUSR2. */
import { writeSync } from "node:fs";
import { constants } from "node:os";

/** Those that Node cannot listen to, or that tell of its own faults and children. */
const apart = new Set(
  ["KILL", "STOP", "ILL", "TRAP", "ABRT", "IOT", "BUS", "FPE", "SEGV", "SYS", "CHLD", "PIPE"].map(
    (name) => `SIG${name}`,
  ),
);

for (const [name, number] of Object.entries(constants.signals)) {
  // Some numbers have two names, and Node knows each signal by the first.
  if (apart.has(name) || name === "SIGPOLL") continue;
  process.on(name, () => {
    writeSync(1, `${name}\n`);
    if (number === constants.signals.SIGUSR2) process.exit(number);
  });
}
writeSync(1, "ready\n");
setInterval(() => {}, 60_000);
