/**
 * The Node host: the world that carries out the program's orders and reports what happened.
 *
 * It decides nothing. What ends it without the program's order is a fail stop (contract S14): the
 * command's tree is killed, and the lease is left to expire.
 */
import { broken } from "../core/exit.ts";
import { InvariantError, type Order, type Report } from "../core/protocol.ts";
import { isEnabled } from "../core/settings.ts";
import type { Access } from "./api/server.ts";
import { createClock } from "./clock.ts";
import { createCommand } from "./command/command.ts";
import type { Tree } from "./command/tree.ts";
import { gatherFacts } from "./facts.ts";
import { createLoop } from "./loop.ts";
import { createPrinter } from "./printer.ts";

interface Options {
  /** The command's words; empty when none was given. */
  readonly argv: readonly string[];
  readonly environment: NodeJS.ProcessEnv;
}

/** What only an election needs: not even loaded without one. */
interface Election {
  readonly access: Access;
  carryOut(order: Order): void;
  protect(tree: Tree | undefined): void;
}

type Take = (report: Report) => void;

/** Runs the entry point until it exits or becomes the command. */
export async function runHost({ argv, environment }: Options): Promise<void> {
  const printer = createPrinter();
  const loop = createLoop({ clock: createClock(), carryOut, failed: failStop });
  let isFailing = false;
  let take: Take = (it) => loop.report(it);
  const report: Take = (it) => take(it);
  const election = isEnabled(environment) ? await openElection(environment, report) : undefined;
  const isPid1 = process.pid === 1;
  const protect = (tree: Tree | undefined) => election?.protect(tree);
  const command = createCommand({ argv, isPid1, report, protect, env: environment });

  process.on("uncaughtException", failStop);
  process.on("unhandledRejection", failStop);
  const access = election === undefined ? {} : { access: election.access };
  loop.begin(await gatherFacts({ argv, environment, ...access }));

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
    printer.print(`k8s-await-election: stopping, for this is a bug: ${JSON.stringify(message)}`);
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
    // A thread that is stuck in a write would keep an ordinary exit waiting for ever.
    if (!(await printer.flush())) process.kill(process.pid, "SIGKILL");
    process.exit(code);
  }
}

async function openElection(environment: NodeJS.ProcessEnv, report: Take): Promise<Election> {
  const [{ openAccess }, { createApi }, { createGuard }, { createListener }, { listenForSignals }] =
    await Promise.all([
      import("./api/access.ts"),
      import("./api/api.ts"),
      import("./command/guard.ts"),
      import("./listener.ts"),
      import("./signals.ts"),
    ]);
  listenForSignals(report);
  const guard = createGuard({ report });
  const listener = createListener({ report });
  const access = await openAccess(environment);
  const api = createApi({ access, report });
  return {
    access,
    protect: (tree) => guard.protect(tree),
    carryOut(order) {
      switch (order.type) {
        case "request":
          return api.request(order);
        case "watch":
          return api.watch(order);
        case "abandon":
          return api.abandon(order.id);
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
