/** SelfSubjectAccessReview, authorization.k8s.io/v1: a question that is answered and not stored. */

import { invalidField } from "./causes.ts";
import type { Draft } from "./json.ts";
import { isJsonObject } from "./json.ts";
import { apiVersionOf, type Kind, objectShape } from "./kind.ts";
import type { Permissions } from "./permissions.ts";
import { type Answer, forbidden, invalid, methodNotAllowed, success } from "./replies.ts";
import { type ApiRequest, readDraft } from "./requests.ts";
import type { Field, Struct } from "./shapes.ts";

const string: Field = { shape: { type: "string" } };

const resourceAttributes: Struct = {
  type: "struct",
  name: "ResourceAttributes",
  fields: {
    namespace: string,
    verb: string,
    group: string,
    version: string,
    resource: string,
    subresource: string,
    name: string,
  },
};

const reviewSpec: Struct = {
  type: "struct",
  name: "SelfSubjectAccessReviewSpec",
  fields: { resourceAttributes: { shape: resourceAttributes } },
};

const reviewKind: Kind = {
  group: "authorization.k8s.io",
  version: "v1",
  resource: "selfsubjectaccessreviews",
  kind: "SelfSubjectAccessReview",
  storagePath: "",
  allowUnconditionalUpdate: false,
  shape: objectShape("SelfSubjectAccessReview", {
    spec: { shape: reviewSpec, zero: "written" },
  }),
  misfits: () => [],
};

interface Attributes {
  readonly verb?: string;
  readonly resource?: string;
}

const path = `/apis/${apiVersionOf(reviewKind)}/${reviewKind.resource}`;

/** Answers the question in a request, or nothing if there is none in it. */
export function review(
  request: ApiRequest,
  user: string,
  permissions: Permissions,
): Answer | undefined {
  if (request.path.split("?", 1)[0] !== path) return undefined;
  if (request.method !== "POST") return methodNotAllowed();
  const target = { kind: reviewKind };
  if (!permissions.mayAsk(user)) return forbidden(target, user, "create");
  const draft = readDraft(target, request.body ?? "");
  if ("refusal" in draft) return draft.refusal;
  const attributes = attributesOf(draft.value);
  if (attributes === undefined) {
    const text = "exactly one of nonResourceAttributes or resourceAttributes must be specified";
    // The real server names no kind here.
    const nameless = { kind: { ...reviewKind, kind: "" } };
    return invalid(nameless, [invalidField("spec.resourceAttributes", null, text)]);
  }
  const { verb = "", resource = "" } = attributes;
  const allowed = !permissions.isDenied(user, verb, resource);
  const { spec } = draft.value;
  const answer = {
    kind: reviewKind.kind,
    apiVersion: apiVersionOf(reviewKind),
    metadata: {},
    spec,
  };
  return success(201, JSON.stringify({ ...answer, status: { allowed } }));
}

function attributesOf({ spec = null }: Draft): Attributes | undefined {
  const attributes = isJsonObject(spec) ? (spec["resourceAttributes"] ?? null) : null;
  // The shape has seen to it that these are texts.
  return isJsonObject(attributes) ? attributes : undefined;
}
