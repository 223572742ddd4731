/**
 * The fields of a cost profile, declared once: strict reading (`profile.ts`) and the JSON Schema (`profile_schema.ts`)
 * follow from this table.
 *
 * Example: `{ name: "low", kind: "number", least: 0, most: 10, doc: "Lower end." }` is a number that must be there.
 *
 * @module
 */

import { EVENT_NAMES, REASONS, STAGE_NAMES } from "../ledger/schema.ts";

/** What a value is multiplied with: the event itself, its `bytes`, or its `count` (segments, fragments, sg entries). */
export const COST_UNITS = ["cycles/op", "cycles/byte", "cycles/count", "ns/op", "ns/byte", "ns/count"] as const;

/** One field of a profile or of a coefficient. */
export interface ProfileField {
  /** Key in the file. */
  readonly name: string;
  /** A text that is not empty; a number from `least` to `most`; one of `values`; a list of coefficients. */
  readonly kind: "text" | "number" | "choice" | "coefficients";
  /** Of a number. */
  readonly least?: number;
  /** Of a number. */
  readonly most?: number;
  /** Of a choice. */
  readonly values?: readonly string[];
  /** May be absent. */
  readonly isOptional?: boolean;
  /** What it says, for the schema. */
  readonly doc: string;
}

/** A price of a millisecond is none any more. Beyond it busy times would soon be no whole picoseconds: 2^53 are 2.5 hours. */
const AMOUNT = { kind: "number", least: 0, most: 1e6 } as const;

/** Names of reasons as traces have them; the empty name of events without a reason is not among them. */
const REASON_NAMES = REASONS.map(({ name }) => name).filter((name) => name !== "");

/** Fields of a coefficient. */
export const COEFFICIENT_FIELDS: readonly ProfileField[] = [
  { name: "event", kind: "choice", values: EVENT_NAMES, doc: "Kind of event that it prices." },
  { name: "stage", kind: "choice", values: STAGE_NAMES, isOptional: true, doc: "Only in this stage; absent: in all." },
  { name: "reason", kind: "choice", values: REASON_NAMES, isOptional: true, doc: "Only with this; absent: with all." },
  {
    name: "unit",
    kind: "choice",
    values: COST_UNITS,
    doc:
      "Cycles of clock_ghz or ns; for each event, each of its bytes, or its count (segments, fragments, sg entries).",
  },
  { name: "value", ...AMOUNT, doc: "Best estimate." },
  { name: "low", ...AMOUNT, doc: "Lower end of the range: low <= value <= high." },
  { name: "high", ...AMOUNT, doc: "Upper end of the range." },
  {
    name: "source",
    kind: "text",
    doc: "Publications, or ids of rows of published-costs.csv and published-results.csv.",
  },
  { name: "note", kind: "text", doc: "How value and range follow from the source; any scaling by clock." },
];

/** Fields of a profile. */
export const PROFILE_FIELDS: readonly ProfileField[] = [
  { name: "$schema", kind: "text", isOptional: true, doc: "The schema of this file, for editors." },
  { name: "name", kind: "text", doc: "Name in results." },
  { name: "description", kind: "text", doc: "Which machine, how found." },
  {
    name: "base",
    kind: "text",
    isOptional: true,
    doc:
      "A profile that comes with tailbits: its prices hold where this one has none of that event, stage, reason and unit.",
  },
  { name: "fit", kind: "text", isOptional: true, doc: "What it was fitted to, and how; absent: to nothing." },
  { name: "clock_ghz", kind: "number", least: 0.1, most: 100, doc: "Clock that turns cycles into time. Unit: GHz." },
  {
    name: "coefficients",
    kind: "coefficients",
    doc: "Prices; those that fit an event add up. None has event, stage, reason and unit of another.",
  },
];
