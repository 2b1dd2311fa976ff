/** What the rest is held against: the API server itself, and the machine. */
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { nowMs } from "../../test/faults/series-group.ts";
import { callApi, watchApi } from "../../test/support/api-client.ts";
import type { Scenario } from "../scenario.ts";
import { announced } from "../team.ts";
import { startBare } from "../../test/hosts/bin.ts";
import { until } from "../../test/cluster/until.ts";

const puts = 20;

export const roundTrip: Scenario = {
  name: "bare PUT and watch",
  about:
    "One PUT of a Lease on an open connection, until its answer, and until a watch has shown it. No " +
    "hand-over of a Lease can be faster than two of them: one lets go, the other takes.",
  lane: "turns",
  rounds: { full: 10, quick: 1 },
  isTimeless: true,
  takes: ({ kind }) => kind === "yardstick",
  async play({ stage, turn, scope }) {
    const { namespace } = await stage.room("yardstick");
    const path = `/apis/coordination.k8s.io/v1/namespaces/${namespace}/leases`;
    const name = stage.newLock();
    const created = await callApi(stage.access, "POST", path, { metadata: { name }, spec: {} });
    let object = created.body;
    const query = encodeURIComponent(`metadata.name=${name}`);
    const watch = watchApi(stage.access, `${path}?watch=true&fieldSelector=${query}`);
    scope.after(() => watch.close());
    const seen = new Map<string, number>();
    void (async () => {
      for await (const event of watch.events) {
        seen.set(event.object.metadata?.resourceVersion ?? "", nowMs());
      }
    })();
    const answers: number[] = [];
    const sights: number[] = [];
    await turn(async () => {
      for (let put = 0; put < puts; put += 1) {
        const spec = { holderIdentity: `holder-${put}` };
        const sentAtMs = nowMs();
        const answer = await callApi(stage.access, "PUT", `${path}/${name}`, { ...object, spec });
        answers.push(nowMs() - sentAtMs);
        object = answer.body;
        const version = object.metadata?.resourceVersion ?? "";
        sights.push((await until("the event", () => seen.get(version))) - sentAtMs);
      }
    });
    return { figures: { "PUT → answer, ms": answers, "PUT → watch event, ms": sights } };
  },
};

const starts = 5;

export const disabled: Scenario = {
  name: "not enabled",
  about: "Without `_ENABLED` the entry point becomes the command; beside it the command alone.",
  lane: "turns",
  rounds: { full: 8, quick: 1 },
  isTimeless: true,
  takes: ({ kind }) => kind === "yardstick" || kind === "entry point",
  async play({ contestant, profile, scope, turn }) {
    const nowhere = { host: "127.0.0.1", port: 1 };
    const names = { namespace: "none", lock: "none", identity: "none" };
    const files = { kubeconfig: "", serviceAccount: "" };
    const place = { server: nowhere, ...names, ...files, profile };
    const { argv } = contestant.launch(place, announced(["true"]));
    const took: number[] = [];
    for (let start = 0; start < starts; start += 1) {
      await turn(async () => {
        const startedAtMs = nowMs();
        const bin = await startBare(scope, { argv });
        const seen = new Promise<number>((resolve) =>
          bin.child.stdout?.once("data", () => resolve(nowMs())),
        );
        took.push((await seen) - startedAtMs);
        await bin.ended;
      });
    }
    return { figures: { "exec → command, ms": took } };
  },
};

/** Whole programs on virtual time, on one processor. */
const seeds = 200;

// Found from where this module runs, which is dist/bench/scenarios.
const simulator = fileURLToPath(new URL("../../test/world/sim.js", import.meta.url));

export const simulation: Scenario = {
  name: "simulation",
  about: `${seeds} seeds of the simulation of whole programs, in one process.`,
  lane: "alone",
  rounds: { full: 2, quick: 0 },
  isTimeless: true,
  takes: ({ kind }) => kind === "yardstick",
  async play() {
    const words = [simulator, "--seeds", String(seeds), "--jobs", "1", "--json"];
    const { stdout } = await promisify(execFile)(process.execPath, words);
    const { timesRealTime } = JSON.parse(stdout) as { readonly timesRealTime: number };
    return { figures: { "times real time, count": [timesRealTime] } };
  },
};
