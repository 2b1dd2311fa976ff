/** Mistakes in how the command is probed. */
import type { Mutant } from "./mutant.ts";

const probe = "src/node/probe.js";
const helper = "src/node/command/helper.js";
const test = "test/hosts/probe.test.js";

export const probeMutants: readonly Mutant[] = [
  {
    name: "probe-helper-outlives-its-timeout",
    file: helper,
    from: "                kill();\n                throw error;",
    to: "                throw error;",
    falls: { file: test, titles: "hostile: a program that forks and hangs" },
  },
  {
    name: "probe-helper-without-the-mark",
    file: helper,
    from: "env: environment,",
    to: "env: {},",
    falls: { file: test, titles: "hostile: a program that forks and hangs|exec: is ready" },
    note: "what leaves its group outlives the term",
  },
  {
    name: "probe-helper-writes-to-our-streams",
    file: helper,
    from: 'stdio: "ignore"',
    to: 'stdio: "inherit"',
    falls: { file: test, titles: "exec: is ready" },
  },
  {
    name: "probe-takes-a-redirect-for-a-no",
    file: probe,
    from: "status < 400",
    to: "status < 300",
    falls: { file: test, titles: "http: 200 to 399" },
  },
  {
    name: "probe-waits-for-the-body",
    file: probe,
    from: "const status = answer.statusCode ?? 0;",
    to: "for await (const _ of answer); const status = answer.statusCode ?? 0;",
    falls: { file: test, titles: "hostile: a server with a body" },
  },
  {
    name: "probe-leaves-its-connection",
    file: probe,
    from: "connection.destroy();",
    to: "",
    falls: { file: test, titles: "tcp: is ready" },
  },
  {
    name: "probe-without-a-time-limit",
    file: probe,
    from: "createDeadline(timeoutMs, ",
    to: "createDeadline(60_000, ",
    falls: { file: test, titles: "hostile: a server that is silent" },
  },
];
