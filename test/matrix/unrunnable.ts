/**
 * Rows of the fault matrix, or parts of one, that no test runs, and why: on every host, or on the one
 * that is named. The row's name may be followed by what of it is meant.
 */
import type { HostName } from "./results.ts";

export interface Unrunnable {
  readonly reason: string;
  readonly host?: HostName;
}

export const unrunnable: Readonly<Record<string, Unrunnable>> = {
  "C1 kill by H while stopped": {
    reason:
      "the guard is a thread and stops with its process; only a guardian process could kill by H",
  },
  "C2 freezer cgroup": {
    reason:
      "SIGSTOP of every process stands in for it: what can be frozen differs between cgroup versions, and hosts",
  },
  "C4 libfaketime": {
    reason:
      "the clocks are replaced inside the process instead: libfaketime reaches neither /proc/uptime, from which Node reads the suspend-counting clock, nor a static file",
  },
  "P4 real-time signals": { reason: "Node cannot listen to them: they end it", host: "node" },
  "P6 death by a real-time signal": { reason: "Node reports it as exit code 0", host: "node" },
  "P13 not PID 1 with helper, and with pdeathsig": {
    reason: "the Node host has neither: bare it is documented as unsafe, and refused by STRICT",
    host: "node",
  },
  "P13 not PID 1 with helper": {
    reason: "there is no helper: pdeathsig ends the command, STRICT refuses the rest",
    host: "native",
  },
  "P14 memory cgroup": {
    reason:
      "the kernel's SIGKILL is sent by the test, and V8's own limit stands in for the cgroup's",
  },
  "F7 24 h soak": { reason: "a thousand changes of term stand in for the day: five minutes" },
  "P19 descriptors above 2, bytes that are no UTF-8": {
    reason: "Node keeps neither for its children",
    host: "node",
  },
};
