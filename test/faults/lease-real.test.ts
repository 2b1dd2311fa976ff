/** Rows O1, O2 and O11 on a real kube-apiserver, by the functions that the embedded one is tested with. */
import { after, before, describe, it } from "node:test";
import { type ControlPlane, startControlPlane } from "../cluster/control-plane.ts";
import { deploy } from "../cluster/replicas.ts";
import { until } from "../cluster/until.ts";
import { deleteTwice, giveAway, rules } from "./lease-edits.ts";
import { assertWeathers, leasesOf, patient, refusals } from "./lease-refusals.ts";
import { openWebhook } from "./lease-webhook.ts";

const hasServer = (process.env["KUBEBUILDER_ASSETS"] ?? "") !== "" || process.env["CI"] === "true";

describe("the Lease of a leader on a real kube-apiserver", {
  concurrency: 4,
  skip: !hasServer && "set KUBEBUILDER_ASSETS, e.g. `setup-envtest use -p path`",
}, () => {
  let plane: ControlPlane;
  before(async () => {
    if (hasServer) plane = await startControlPlane();
  });
  after(() => plane?.close());

  for (const followers of [0, 1, 4]) {
    it(`O1 deleted twice while led, with ${followers} followers, on kube-apiserver`, (t) =>
      deleteTwice(t, plane, followers));
  }

  it("O2 given to another while led, on kube-apiserver: the watch ends the term, without grace", (t) =>
    giveAway(t, plane));

  for (const [mode, message] of [
    ["deny", refusals[0]![1]],
    ["break", 'failed calling webhook "guard.example.com"'],
  ] as const) {
    it(`O11 a webhook that would ${mode}, on kube-apiserver: said once, and no term ends by it`, async (t) => {
      const deployment = await deploy(t, plane, { rules, durations: patient });
      const webhook = await openWebhook(plane.access, deployment.namespace, mode);
      deployment.onClose(() => webhook.close());
      const probe = { apiVersion: "coordination.k8s.io/v1", kind: "Lease" };
      let probes = 0;
      await until("kube-apiserver asks the webhook", () => {
        const metadata = { name: `probe-${(probes += 1)}` };
        return deployment.operator.call("POST", leasesOf(deployment), { ...probe, metadata }).then(
          () => undefined,
          () => true,
        );
      });
      await assertWeathers(await deployment.start(), deployment, message, (refused) => {
        webhook.mode = refused ? mode : "allow";
      });
    });
  }
});
