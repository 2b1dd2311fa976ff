import assert from "node:assert/strict";
import { test } from "node:test";
import { callApi } from "../support/api-client.ts";
import { assertFailure, type Room } from "./room.ts";

const path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";

export function reviewTests(open: () => Room): void {
  test("a SelfSubjectAccessReview tells whoever asks what is allowed", async (t) => {
    const { access, stranger, namespace } = open().server;
    if (stranger === undefined) return t.skip("this server has no stranger");
    const spec = {
      resourceAttributes: {
        namespace,
        verb: "update",
        group: "coordination.k8s.io",
        resource: "leases",
        name: "web",
      },
    };
    for (const [asker, allowed] of [
      [access, true],
      [stranger.access, false],
    ] as const) {
      const answer = await callApi(asker, "POST", path, { spec });
      assert.equal(answer.status, 201, answer.text);
      const { kind, apiVersion } = answer.body;
      assert.deepEqual([kind, apiVersion], ["SelfSubjectAccessReview", "authorization.k8s.io/v1"]);
      assert.deepEqual(answer.body.spec, spec);
      assert.deepEqual(answer.body.status, { allowed });
    }
  });

  test("a SelfSubjectAccessReview about a subresource", async (t) => {
    const { stranger, namespace } = open().server;
    if (stranger === undefined) return t.skip("this server has no stranger");
    const attributes = { namespace, verb: "patch", resource: "pods", subresource: "status" };
    const body = { spec: { resourceAttributes: { ...attributes, group: "" } } };
    const answer = await callApi(stranger.access, "POST", path, body);
    assert.deepEqual(answer.body.spec, { resourceAttributes: attributes });
    assert.deepEqual(answer.body.status, { allowed: false });
  });

  test("a SelfSubjectAccessReview about nothing is answered with 422", async () => {
    const text =
      '.authorization.k8s.io "" is invalid: spec.resourceAttributes: Invalid value: null: ' +
      "exactly one of nonResourceAttributes or resourceAttributes must be specified";
    const answer = await open().call("POST", path, { spec: {} });
    assertFailure(answer, 422, "Invalid", text);
  });
}
