/** Mistakes at the host's edges: clocks, signals, standard error, and the connection to the API server. */
import type { Mutant } from "./mutant.ts";

const clock = "src/node/clock.js";
const printer = "src/node/printer.js";
const api = "test/node/api.test.js";
const tls = "test/node/tls.test.js";
const access = "test/node/access.test.js";

const clockMutants: readonly Mutant[] = [
  {
    name: "monotonic-clock",
    file: clock,
    from: "suspendedMs = Math.max(suspendedMs, uptimeMs - monotonicMs);",
    to: "suspendedMs = 0;",
    falls: { file: "test/node/clocks.test.js", titles: "C3 after a suspend" },
    note: "DL8: it does not count a suspend",
  },
  {
    name: "wall-clock",
    file: clock,
    from: "Number(process.hrtime.bigint()) / 1e6",
    to: "Date.now()",
    falls: { file: "test/node/clocks.test.js", titles: "C4 a leader whose wall clock is jumping" },
  },
  {
    name: "clock-may-go-back",
    file: clock,
    from: "if (readMs < lastMs)",
    to: "if (false)",
    falls: { file: "test/node/clocks.test.js", titles: "C6 a clock of the loop that goes back" },
  },
  {
    name: "clock-may-be-unreadable",
    file: clock,
    from: "if (!(readMs >= 0 && Number.isFinite(readMs)))",
    to: "if (false)",
    falls: {
      file: "test/node/clocks.test.js",
      titles: "C6 a clock of the loop that is unreadable",
    },
  },
];

const outputMutants: readonly Mutant[] = [
  {
    name: "log-through-the-stream",
    file: printer,
    from: "const way = findWay(descriptor);",
    to: "return { print: (line) => process.stderr.write(`${line}\\n`), flush: async () => true }; const way = findWay(descriptor);",
    falls: { file: "test/hosts/streams.test.js", titles: "F1 a (full pipe|pipe without)" },
    note: "Node's stream blocks on a pipe, and an error on it ends the process",
  },
  {
    name: "log-blocks",
    file: printer,
    from: "constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY",
    to: "constants.O_WRONLY | constants.O_NOCTTY",
    falls: { file: "test/hosts/streams.test.js", titles: "F1 a full pipe" },
  },
  {
    name: "log-error-is-fatal",
    file: printer,
    from: 'return error.code === "EAGAIN" ? 0 : bytes.length;',
    to: 'if (error.code === "EAGAIN") return 0; throw error;',
    falls: { file: "test/hosts/streams.test.js", titles: "F1 a (full device|pipe without)" },
  },
  {
    name: "log-waits-without-end",
    file: "src/node/line-queue.js",
    from: "if (waiting.length >= maxLines)",
    to: "if (false)",
    falls: {
      file: "test/node/printer.test.js",
      titles: "createLineQueue.. counts what did not fit",
    },
  },
  {
    name: "deaf-to-hangups",
    file: "src/node/signals.js",
    from: '    "SIGHUP",\n',
    to: "",
    falls: { file: "test/hosts/signals.test.js", titles: "P4 each signal not as PID 1" },
  },
];

const apiMutants: readonly Mutant[] = [
  {
    name: "token-read-once",
    file: "src/node/api/reread.js",
    from: "if (performance.now() - readAt < maxAgeMs)",
    to: "if (true)",
    falls: { file: access, titles: "reads token and CA again" },
  },
  {
    name: "refused-token-kept",
    file: "src/node/api/in-cluster.js",
    from: "refused: () => account.expire()",
    to: "refused: () => {}",
    falls: { file: access, titles: "sends the new token" },
  },
  {
    name: "redirects-followed",
    file: "src/node/api/call.js",
    from: "if (answer.statusCode === 401)",
    to: "if (answer.headers.location) return exchange(connection, { ...question, path: '/' }, call.deadline.signal);\n    if (answer.statusCode === 401)",
    falls: { file: api, titles: "reports a redirect" },
  },
  {
    name: "no-total-timeout",
    file: "src/node/api/call.js",
    from: "call.isAnswering = true;",
    to: "call.isAnswering = true; call.deadline.lift();",
    falls: { file: api, titles: "counts its time to the last byte" },
    note: "one byte a second keeps it waiting for ever",
  },
  {
    name: "unbounded-body",
    file: "src/node/api/exchange.js",
    from: "if (length > limitBytes)",
    to: "if (false)",
    falls: { file: api, titles: "hangs up on a body without end" },
  },
  {
    name: "no-fresh-connection",
    file: "src/node/api/connections.js",
    from: "if (fresh || identity !== madeFor)",
    to: "if (identity !== madeFor)",
    falls: { file: api, titles: "keeps one connection, and takes a new one when told" },
  },
  {
    name: "writes-repeated",
    file: "src/node/api/api.js",
    from: 'order.method === "GET" && connection.hasServed',
    to: "connection.hasServed",
    falls: { file: api, titles: "is unanswered for a (PUT|POST)" },
    note: "one that was applied would be sent again",
  },
  {
    name: "same-address-again",
    file: "src/node/api/connections.js",
    from: "failed: ({ address }) => dialer.troubled(address)",
    to: "failed: () => {}",
    falls: { file: "test/node/addresses.test.js", titles: "goes to another address" },
  },
  {
    name: "tls-name-unchecked",
    file: "src/node/api/socket.js",
    from: "checkServerIdentity: (_, certificate) => checkServerIdentity(tls.serverName, certificate)",
    to: "checkServerIdentity: () => undefined",
    falls: { file: tls, titles: "sends nothing to" },
  },
  {
    name: "tls-unverified",
    file: "src/node/api/socket.js",
    from: "rejectUnauthorized: true",
    to: "rejectUnauthorized: false",
    falls: { file: tls, titles: "sends nothing to" },
  },
  {
    name: "tls-by-environment",
    file: "src/node/api/socket.js",
    from: "        rejectUnauthorized: true,\n",
    to: "",
    falls: { file: tls, titles: "sends nothing to" },
    note: "NODE_TLS_REJECT_UNAUTHORIZED would have a say",
  },
  {
    name: "watch-ends-by-itself",
    file: "src/node/api/watch.js",
    from: "call.deadline.lift();",
    to: "",
    falls: { file: "test/node/watch.test.js", titles: "has no time limit" },
  },
  {
    name: "start-lock-on-a-node",
    file: "src/node/start-lock.js",
    from: "hasOwnNetwork(options.settingsFolder) &&",
    to: "",
    falls: {
      file: "test/node/start-lock.test.js",
      titles: "says no in the machine's namespace",
    },
    note: "with hostNetwork the lock would be of the machine, not of the pod",
  },
  {
    name: "pipelined-flood",
    file: "src/node/listener.js",
    from: "server.maxRequestsPerSocket = 1;",
    to: "",
    falls: { file: "test/node/listener.test.js", titles: "asks the program once" },
  },
];

export const edgeMutants: readonly Mutant[] = [...clockMutants, ...outputMutants, ...apiMutants];
