/**
 * Output formats of tables: `--format table|csv|json|md`.
 *
 * @module
 */

import { type Column, type CsvStyle, renderCsv, renderJson, renderMarkdown, renderTable } from "../report/columns.ts";
import { nearest } from "../config/nearest.ts";
import type { Flag } from "./command.ts";
import { UsageError } from "./errors.ts";

const FORMATS = ["table", "csv", "json", "md"] as const;

/** The flag of verbs that print a table. */
export const FORMAT_FLAG: Flag = {
  name: "format",
  value: "FORMAT",
  doc: `What to print: ${FORMATS.join(", ").replace(/, (?=\w+$)/, " or ")}.`,
};

/** A format by name. */
export type Format = typeof FORMATS[number];

/** What `--format` said; without it a table on a terminal and CSV into a pipe. */
export function formatFrom(name: string | undefined): Format {
  if (name === undefined) return Deno.stdout.isTerminal() ? "table" : "csv";
  return chooseFormat(name, FORMATS);
}

/** The format of that name among those that a verb has. */
export function chooseFormat<Name extends string>(name: string, formats: readonly Name[]): Name {
  const found = formats.find((format) => format === name);
  if (found !== undefined) return found;
  const near = nearest(name, formats);
  const hint = near === undefined ? "" : ` (nearest: ${near})`;
  throw new UsageError(`Cannot use --format ${name}: it takes ${formats.join(", ")}${hint}`);
}

/** Renders rows: all columns for machines, those of `short` for people. */
export function render<Row>(
  format: Format,
  columns: readonly Column<Row>[],
  short: readonly Column<Row>[],
  rows: readonly Row[],
  style: CsvStyle,
): string {
  switch (format) {
    case "csv":
      return renderCsv(columns, rows, style);
    case "json":
      return renderJson(columns, rows);
    case "md":
      return renderMarkdown(short, rows);
    case "table":
      return renderTable(short, rows);
  }
}
