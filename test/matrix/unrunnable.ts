/**
 * Rows of the fault matrix, or parts of one, that no test of the Node host runs, and why. The row's
 * name may be followed by what of it is meant.
 */
export const unrunnable: Readonly<Record<string, string>> = {
  "C1 kill by H while stopped":
    "the guard is a thread and stops with its process; only a guardian process could kill by H",
  "C2 freezer cgroup":
    "SIGSTOP of every process stands in for it: what can be frozen differs between cgroup versions, and hosts",
  "C4 libfaketime":
    "the clocks are replaced inside the process instead: libfaketime does not reach /proc/uptime, from which Node reads the suspend-counting clock",
  "P4 real-time signals": "Node cannot listen to them: they end it",
  "P6 death by a real-time signal": "Node reports it as exit code 0",
  "P13 not PID 1 with helper, and with pdeathsig":
    "the Node host has neither: bare it is documented as unsafe, and refused by STRICT",
  "P14 memory cgroup":
    "the kernel's SIGKILL is sent by the test, and V8's own limit stands in for the cgroup's",
  "F7 24 h soak": "a thousand changes of term stand in for the day: five minutes",
  "P19 descriptors above 2, bytes that are no UTF-8": "Node keeps neither for its children",
};
