import { after, before, describe, it } from "node:test";
import { type ControlPlane, startControlPlane } from "../cluster/control-plane.ts";
import { keepFigures, tableOf } from "../cluster/figures.ts";
import { skip } from "./mixed.ts";
import { rollOut } from "./rollout.ts";

const rounds = 50;

describe("rollouts between client-go and us, all night", { skip }, () => {
  let plane: ControlPlane;
  before(async () => {
    if (!skip) plane = await startControlPlane();
  });
  after(() => plane?.close());

  it(`X3 ${rounds} rounds to client-go and back: never two, and each term counts one`, async (t) => {
    const figures = await rollOut(t, plane, rounds, say);
    say(`milliseconds between two commands\n${tableOf(figures)}`);
    await keepFigures("rollout", figures);
  });
});

/** A test's own diagnostics come only at its end. */
function say(text: string): void {
  process.stdout.write(`${text}\n`);
}
