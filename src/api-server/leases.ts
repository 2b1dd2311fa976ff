/** Lease, coordination.k8s.io/v1. */

import { type Cause, forbiddenField, invalidField, misfitOf, unsupportedField } from "./causes.ts";
import type { Draft } from "./json.ts";
import { type Kind, objectShape } from "./kind.ts";
import { qualifiedNameMisfit } from "./metadata.ts";
import type { Field, Struct } from "./shapes.ts";

const keptString: Field = { shape: { type: "string" }, zero: "kept" };
const keptInt32: Field = { shape: { type: "int32" }, zero: "kept" };
const keptMicroTime: Field = { shape: { type: "microTime" }, zero: "kept" };

/** With `isCoordinated` off, `strategy` and `preferredHolder` are unknown fields. */
export function leaseKind(isCoordinated: boolean): Kind {
  const spec: Struct = {
    type: "struct",
    name: "LeaseSpec",
    fields: {
      holderIdentity: keptString,
      leaseDurationSeconds: keptInt32,
      acquireTime: keptMicroTime,
      renewTime: keptMicroTime,
      leaseTransitions: keptInt32,
      ...(isCoordinated ? { strategy: keptString, preferredHolder: keptString } : {}),
    },
  };
  return {
    group: "coordination.k8s.io",
    version: "v1",
    resource: "leases",
    kind: "Lease",
    storagePath: "leases",
    allowUnconditionalUpdate: false,
    shape: objectShape("Lease", { spec: { shape: spec, zero: "written" } }),
    misfits: leaseMisfits,
  };
}

interface Spec {
  readonly leaseDurationSeconds?: number;
  readonly leaseTransitions?: number;
  readonly strategy?: string;
  readonly preferredHolder?: string;
}

function leaseMisfits(draft: Draft): Cause[] {
  // The shape has seen to it that these are the fields and their types.
  const spec = draft["spec"] as Spec;
  const { leaseDurationSeconds = 1, leaseTransitions = 0, strategy, preferredHolder = "" } = spec;
  const causes: Cause[] = [];
  if (!(leaseDurationSeconds > 0)) {
    const field = "spec.leaseDurationSeconds";
    causes.push(invalidField(field, leaseDurationSeconds, "must be greater than 0"));
  }
  if (!(leaseTransitions >= 0)) {
    const field = "spec.leaseTransitions";
    causes.push(invalidField(field, leaseTransitions, "must be greater than or equal to 0"));
  }
  if (strategy !== undefined) causes.push(...strategyMisfits(strategy));
  if (preferredHolder !== "" && (strategy ?? "") === "") {
    const text = "may only be specified if `strategy` is defined";
    causes.push(forbiddenField("spec.preferredHolder", text));
  }
  return causes;
}

function strategyMisfits(strategy: string): Cause[] {
  const field = "spec.strategy.strategy";
  if (strategy.includes("/")) return misfitOf(field, strategy, qualifiedNameMisfit(strategy));
  const known = "OldestEmulationVersion";
  return strategy === known ? [] : [unsupportedField(field, strategy, [known])];
}
