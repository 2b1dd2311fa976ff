/**
 * The Node host: the world that carries out the program's orders and reports what happened.
 *
 * It decides nothing. What ends it without the program's order is a fail stop (contract S14): the
 * command's tree is killed, and the lease is left to expire.
 */
import { broken } from "../core/exit.ts";
import { InvariantError, type Order, type Report } from "../core/protocol.ts";
import { redact, redactFacts, redactReport } from "../core/redact.ts";
import { isEnabled } from "../core/settings.ts";
import type { Secretive } from "./api/secrets.ts";
import { createClock } from "./clock.ts";
import { createCommand } from "./command/command.ts";
import type { Tree } from "./command/tree.ts";
import { gatherFacts } from "./facts.ts";
import { createLoop } from "./loop.ts";
import { createPrinter, type Printer } from "./printer.ts";
import type { Recorder } from "./recorder.ts";

interface Options {
  /** The command's words; empty when none was given. */
  readonly argv: readonly string[];
  readonly environment: NodeJS.ProcessEnv;
}

/** What only an election needs: not even loaded without one. */
interface Election extends Secretive {
  carryOut(order: Order): void;
  protect(tree: Tree | undefined): void;
  /** Ends what would outlive the host. */
  close(): void;
}

type Take = (report: Report) => void;

/** Runs the entry point until it exits or becomes the command. */
export async function runHost({ argv, environment }: Options): Promise<void> {
  const printer = createPrinter();
  const recorder = isEnabled(environment) ? await openRecorder(environment, printer) : undefined;
  const steps = recorder === undefined ? {} : { steps: recorder.steps };
  const loop = createLoop({ clock: createClock(), carryOut, failed: failStop, ...steps });
  let isFailing = false;
  let election: Election | undefined;
  let take: Take = (it) => loop.report(redactReport(it, election?.secrets() ?? []));
  const report: Take = (it) => take(it);
  if (isEnabled(environment)) {
    election = await openElection(environment, report, () => command.environment());
  }
  const isPid1 = process.pid === 1;
  const protect = (tree: Tree | undefined) => election?.protect(tree);
  const command = createCommand({ argv, isPid1, report, protect, env: environment });

  process.on("uncaughtException", failStop);
  process.on("unhandledRejection", failStop);
  const access = election === undefined ? {} : { access: election.access };
  loop.begin(redactFacts(await gatherFacts({ argv, environment, ...access })));

  function carryOut(order: Order): void {
    switch (order.type) {
      case "print":
        return printer.print(order.line);
      case "exit":
        return void leave(order.code);
      case "start":
        return command.start(order.addEnv);
      case "signal":
        return command.signal(order.signal);
      case "kill":
        return command.kill();
      case "become":
        process.off("uncaughtException", failStop);
        process.off("unhandledRejection", failStop);
        return command.become();
      default:
        return election?.carryOut(order);
    }
  }

  /** Nothing that the program holds true can be trusted, so the lease is left to expire. */
  function failStop(error: unknown): void {
    const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
    const said = JSON.stringify(redact(message, election?.secrets()));
    printer.print(`k8s-await-election: stopping, for this is a bug: ${said}`);
    if (isFailing) return;
    isFailing = true;
    loop.stop();
    take = (it) => {
      if (it.type === "emptied") void leave(broken);
    };
    command.kill();
  }

  async function leave(code: number): Promise<void> {
    take = () => {};
    loop.stop();
    election?.close();
    // A thread that is stuck in a write would keep an ordinary exit waiting for ever.
    const ended = await Promise.all([printer.flush(), recorder?.end()]);
    if (ended.includes(false)) process.kill(process.pid, "SIGKILL");
    process.exit(code);
  }
}

/** Not even loaded unless it is asked for. */
async function openRecorder(
  environment: NodeJS.ProcessEnv,
  printer: Printer,
): Promise<Recorder | undefined> {
  const file = environment["K8S_AWAIT_ELECTION_RECORD"];
  if (!file) return undefined;
  const { createRecorder } = await import("./recorder.ts");
  return createRecorder({ file, print: (line) => printer.print(line) });
}

/** `ofCommand` are the variables of the command that runs. */
async function openElection(
  environment: NodeJS.ProcessEnv,
  report: Take,
  ofCommand: () => NodeJS.ProcessEnv | undefined,
): Promise<Election> {
  const [
    { openAccess },
    { keepSecrets },
    { createApi },
    { createGuard },
    { createListener },
    { createProber },
    { listenForSignals },
  ] = await Promise.all([
    import("./api/access.ts"),
    import("./api/secrets.ts"),
    import("./api/api.ts"),
    import("./command/guard.ts"),
    import("./listener.ts"),
    import("./probe.ts"),
    import("./signals.ts"),
  ]);
  listenForSignals(report);
  const guard = createGuard({ report });
  const listener = createListener({ report });
  const { access, secrets } = keepSecrets(await openAccess(environment));
  const api = createApi({ access, report });
  const prober = createProber({ report, environment: ofCommand });
  return {
    access,
    secrets,
    protect: (tree) => guard.protect(tree),
    close: () => prober.close(),
    carryOut(order) {
      switch (order.type) {
        case "request":
          return api.request(order);
        case "watch":
          return api.watch(order);
        case "abandon":
          api.abandon(order.id);
          return prober.abandon(order.id);
        case "probe":
          return prober.probe(order);
        case "guard":
          return guard.arm(order.at);
        case "listen":
          return listener.listen(order);
        case "reply":
          return listener.reply(order);
        default:
          throw new InvariantError(`Cannot carry out: the Node host knows no order ${order.type}`);
      }
    },
  };
}
