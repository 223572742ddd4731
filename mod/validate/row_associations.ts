/**
 * Which association a row of `expected.csv` is of, as far as its sizes go.
 *
 * @module
 */

import type { SecurityAssociation } from "../esp/sa.ts";
import { matchRows } from "./frame_rows.ts";
import type { LeftOutReason } from "./left_out.ts";
import { isOpened, openFrames } from "./opened_frames.ts";
import { SizedAssociation, sizesOf, type SuiteSizes } from "./recorded_sa.ts";
import type { Recording } from "./recording.ts";
import type { TableRow } from "./table.ts";

/** The sizes of the suite of all rows, or why they are not known. */
export function suiteSizes({ scenario }: Recording): SuiteSizes | LeftOutReason {
  const all = (scenario.sa ?? []).map(sizesOf);
  const [first] = all;
  if (first === undefined || all.includes(undefined)) return "suite";
  const isOne = all.every((sizes) => {
    return sizes!.ivBytes === first.ivBytes && sizes!.icvBytes === first.icvBytes &&
      sizes!.blockBytes === first.blockBytes;
  });
  return isOne ? first : "suitesMixed";
}

/**
 * The associations of `rows`, the rows of `expected.csv`: of one suite one that never seals stands for all; of several suites the
 * frame that a row became says which it is, and rows of no frame have none. Or why they are not known.
 */
export function associationsOf(
  recording: Recording,
  rows: readonly TableRow[],
): ReadonlyMap<TableRow, SecurityAssociation> | LeftOutReason {
  const sizes = suiteSizes(recording);
  if (sizes === "suitesMixed") {
    const frames = matchRows(rows, openFrames(recording).filter(isOpened)).rows;
    return new Map([...frames].map(([{ sa }, row]) => [row, sa]));
  }
  if (typeof sizes === "string") return sizes;
  const sa = new SizedAssociation(sizes, recording.scenario.sa![0]!);
  return new Map(rows.map((row) => [row, sa]));
}
