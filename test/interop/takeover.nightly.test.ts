import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { type ControlPlane, startControlPlane } from "../cluster/control-plane.ts";
import { type Figure, figureOf, keepFigures, tableOf } from "../cluster/figures.ts";
import { skip } from "./mixed.ts";
import { takeoverMs } from "./takeover.ts";

const rounds = 8;

describe("takeovers from client-go, by us without a wait and by client-go", { skip }, () => {
  let plane: ControlPlane;
  before(async () => {
    if (!skip) plane = await startControlPlane();
  });
  after(() => plane?.close());

  it(`X1 client-go crashes and releases, ${rounds} times: we are not slower than client-go`, async (t) => {
    const figures: Record<string, Figure> = {};
    for (const fault of ["crashes", "releases"] as const) {
      const [ours, theirs]: [number[], number[]] = [[], []];
      for (let round = 0; round < rounds; round += 1) {
        const [oursMs, theirsMs] = await Promise.all([
          takeoverMs(t, plane, fault, "us"),
          takeoverMs(t, plane, fault, "client-go"),
        ]);
        ours.push(oursMs);
        theirs.push(theirsMs);
      }
      figures[`client-go ${fault}: until our term`] = figureOf(ours);
      figures[`client-go ${fault}: until client-go's term`] = figureOf(theirs);
      assert.ok(figureOf(ours).median <= figureOf(theirs).median, tableOf(figures));
    }
    t.diagnostic(tableOf(figures));
    await keepFigures("takeover", figures);
  });
});
