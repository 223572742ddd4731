/**
 * Flags about CSV and columns, shared by the verbs that print `summary.csv`'s columns.
 *
 * @module
 */

import { nearest } from "../config/nearest.ts";
import type { Column, CsvStyle } from "../report/columns.ts";
import type { Arguments, Flag } from "./command.ts";
import { UsageError } from "./errors.ts";

/** The flags. */
export const CSV_FLAGS: readonly Flag[] = [
  { name: "columns", value: "A,B,...", doc: "Print these columns only, in this order, whatever the format." },
  {
    name: "delimiter",
    value: "CHAR",
    doc: "What stands between the cells of CSV, printed or written: one character, or tab.",
  },
  { name: "bom", doc: "Begin CSV with a byte order mark." },
];

/** How CSV is to be written. */
export function csvStyleFrom(args: Arguments): CsvStyle {
  const given = args.one("delimiter") ?? ",";
  const delimiter = given === "tab" || given === "\\t" ? "\t" : given;
  if ([...delimiter].length !== 1 || /["\r\n0-9.]/.test(delimiter)) {
    throw new UsageError(
      `Cannot use --delimiter ${given}: it takes one character that is no quote, digit or dot, or tab`,
    );
  }
  return { delimiter, bom: args.has("bom") };
}

/** The columns named by `--columns`; undefined when the flag is not given. */
export function columnsFrom<Row>(args: Arguments, columns: readonly Column<Row>[]): readonly Column<Row>[] | undefined {
  const names = args.one("columns")?.split(",");
  return names?.map((name) => {
    const found = columns.find((column) => column.name === name);
    if (found !== undefined) return found;
    const near = nearest(name, columns.map((column) => column.name));
    const hint = near === undefined ? "" : `, the nearest is ${near}`;
    throw new UsageError(`Cannot print column ${name}: there is no such column${hint}`);
  });
}
