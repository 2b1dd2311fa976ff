/** Event, events.k8s.io/v1: made and read; the real server lets next to nothing of it be changed. */

import { objectReference } from "./addresses.ts";
import { type Cause, invalidField, misfitOf, requiredField } from "./causes.ts";
import type { Draft } from "./json.ts";
import { type Kind, objectShape } from "./kind.ts";
import { qualifiedNameMisfit } from "./metadata.ts";
import type { Field, Struct } from "./shapes.ts";

const string: Field = { shape: { type: "string" } };

const eventSeries: Struct = {
  type: "struct",
  name: "EventSeries",
  fields: {
    count: { shape: { type: "int32" }, zero: "written" },
    lastObservedTime: { shape: { type: "microTime" }, zero: "written" },
  },
};

const eventSource: Struct = {
  type: "struct",
  name: "EventSource",
  fields: { component: string, host: string },
};

export const eventKind: Kind = {
  group: "events.k8s.io",
  // It is validated as the Event of the core group that it is stored as.
  validatedGroup: "",
  version: "v1",
  resource: "events",
  kind: "Event",
  storagePath: "events",
  allowUnconditionalUpdate: true,
  shape: objectShape("Event", {
    eventTime: { shape: { type: "microTime" }, zero: "written" },
    series: { shape: eventSeries },
    reportingController: string,
    reportingInstance: string,
    action: string,
    reason: string,
    regarding: { shape: objectReference, zero: "written" },
    related: { shape: objectReference },
    note: string,
    type: string,
    deprecatedSource: { shape: eventSource, zero: "written" },
    deprecatedFirstTimestamp: { shape: { type: "time" }, zero: "written" },
    deprecatedLastTimestamp: { shape: { type: "time" }, zero: "written" },
    deprecatedCount: { shape: { type: "int32" } },
  }),
  misfits: eventMisfits,
};

interface Event {
  readonly eventTime: string | null;
  readonly reportingController?: string;
  readonly reportingInstance?: string;
  readonly action?: string;
  readonly reason?: string;
  readonly regarding: { readonly namespace?: string };
  readonly note?: string;
  readonly type?: string;
  readonly deprecatedSource: { readonly component?: string; readonly host?: string };
  readonly deprecatedFirstTimestamp: string | null;
  readonly deprecatedLastTimestamp: string | null;
  readonly deprecatedCount?: number;
}

const longestWord = 128;
const longestNote = 1024;

/** From `ValidateEventCreate`, whose field names are those of the core group. */
function eventMisfits(draft: Draft): Cause[] {
  // The shape has seen to it that these are the fields and their types.
  const event = draft as unknown as Event;
  const { namespace } = draft.metadata;
  const causes: Cause[] = [];
  const about = event.regarding.namespace ?? "";
  // One about an object of no namespace is kept in the default one.
  if (about === "" && namespace !== "default") {
    causes.push(invalidField("involvedObject.namespace", about, "does not match event.namespace"));
  }
  if (event.eventTime === null) return [...causes, requiredField("eventTime"), ...legacy(event)];
  const { reportingController = "", type = "" } = event;
  if (reportingController === "") causes.push(requiredField("reportingController"));
  causes.push(
    ...misfitOf(
      "reportingController",
      reportingController,
      qualifiedNameMisfit(reportingController),
    ),
    ...wordMisfits("reportingInstance", event.reportingInstance),
    ...wordMisfits("action", event.action),
    ...wordMisfits("reason", event.reason),
  );
  if (Buffer.byteLength(event.note ?? "") > longestNote) {
    causes.push(invalidField("message", "", `can have at most ${longestNote} characters`));
  }
  if (type !== "Normal" && type !== "Warning") {
    causes.push(invalidField("type", "", `has invalid value: ${type}`));
  }
  return [...causes, ...legacy(event)];
}

function wordMisfits(field: string, word = ""): Cause[] {
  if (word === "") return [requiredField(field)];
  return Buffer.byteLength(word) > longestWord
    ? [invalidField(field, "", `can have at most ${longestWord} characters`)]
    : [];
}

/** What only Events of the core group may have. */
function legacy(event: Event): Cause[] {
  const { deprecatedSource, deprecatedFirstTimestamp, deprecatedLastTimestamp } = event;
  const given: readonly (readonly [field: string, isSet: boolean])[] = [
    ["firstTimestamp", deprecatedFirstTimestamp !== null],
    ["lastTimestamp", deprecatedLastTimestamp !== null],
    ["count", event.deprecatedCount !== undefined],
    ["source", Object.keys(deprecatedSource).length > 0],
  ];
  return given
    .filter(([, isSet]) => isSet)
    .map(([field]) => invalidField(field, "", "needs to be unset"));
}
