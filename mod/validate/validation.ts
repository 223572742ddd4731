/**
 * The model against kernel recordings: one row per recording, and the table of them.
 *
 * ```ts
 * const row = await validate(folder);
 * isGood(row); // no value differs, the recording is whole
 * renderCsv(VALIDATION_COLUMNS, [row]);
 * ```
 *
 * @module
 */

import type { Column } from "../report/columns.ts";
import type { Comparison } from "./comparison.ts";
import { RecordingError } from "./errors.ts";
import { LEFT_OUT, type LeftOutReason } from "./left_out.ts";
import { comparePath } from "./path.ts";
import { readRecording, type RecordingFolder } from "./recording.ts";
import { compareStages } from "./stages.ts";

/** The result of one recording. */
export interface Validation {
  /** Name of the recording; of its folder where it could not be read. */
  readonly scenario: string;
  /** How its whole path may be compared; undefined where it could not be compared. */
  readonly compare: string | undefined;
  /** Values that were compared; undefined where it could not be compared. */
  readonly compared: number | undefined;
  /** Of these, values that differ. */
  readonly differ: number | undefined;
  /** Values that were left out. */
  readonly notCompared: number | undefined;
  /** Why they were left out, each reason once. */
  readonly reason: string;
  /** Table, row, column and both values; or what is wrong with the recording, or stopped the model. */
  readonly firstDifference: string;
}

/** The columns of the result, in order. */
export const VALIDATION_COLUMNS: readonly Column<Validation>[] = [
  { name: "scenario", value: (row) => row.scenario },
  { name: "compare", value: (row) => row.compare },
  { name: "compared", decimals: 0, value: (row) => row.compared },
  { name: "differ", decimals: 0, value: (row) => row.differ },
  { name: "not_compared", decimals: 0, value: (row) => row.notCompared },
  { name: "reason", value: (row) => row.reason },
  { name: "first_difference", value: (row) => row.firstDifference },
];

/** Holds one recording against the model: each stage alone, and the whole path as far as it is built. */
export async function validate(folder: RecordingFolder): Promise<Validation> {
  try {
    const recording = await readRecording(folder);
    const views = [compareStages(recording), await comparePath(recording)];
    const { name, compare } = recording.scenario;
    return validationOf(name, compare, views);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    if (error instanceof RecordingError) return unfinished(folder.name, error.message);
    // A defect of the model on one recording should not hide what the others say.
    return unfinished(folder.name, `Cannot compare recording ${folder.name}: the model stopped: ${error.message}`);
  }
}

/** Whether nothing is wrong: the recording is whole, no value differs, and none is left out without a reason. */
export function isGood({ differ }: Validation): boolean {
  return differ === 0;
}

function validationOf(scenario: string, compare: string, views: readonly Comparison[]): Validation {
  const sum = (count: (view: Comparison) => number): number => views.reduce((total, view) => total + count(view), 0);
  const reasons = new Set<LeftOutReason>(views.flatMap((view) => [...view.leftOut.keys()]));
  return {
    scenario,
    compare,
    compared: sum(({ compared }) => compared),
    differ: sum(({ differ }) => differ),
    notCompared: sum(({ leftOut }) => [...leftOut.values()].reduce((total, values) => total + values, 0)),
    reason: [...reasons].map((reason) => LEFT_OUT[reason]).join("; "),
    firstDifference: views.map(({ firstDifference }) => firstDifference).find((text) => text !== "") ?? "",
  };
}

function unfinished(scenario: string, message: string): Validation {
  return {
    scenario,
    compare: undefined,
    compared: undefined,
    differ: undefined,
    notCompared: undefined,
    reason: "",
    firstDifference: message,
  };
}
