/**
 * Tables of results: columns with a name, a number of decimals and a value, rendered as CSV, JSON, Markdown or text.
 *
 * A column is declared once, with the unit in its name, and every format follows from it. Unknown is empty (null in JSON),
 * never 0. CSV is RFC 4180 with LF, `.` as decimal mark and a header row; text that a spreadsheet would take for a formula
 * gets an apostrophe in front.
 *
 * ```ts
 * const columns: Column<{ bytes: number }>[] = [{ name: "copied_bytes", decimals: 0, value: (row) => row.bytes }];
 * renderCsv(columns, [{ bytes: 72 }]); // "copied_bytes\n72\n"
 * ```
 *
 * @module
 */

import { stringify } from "@std/csv";

/** One column of a table of `Row`s. */
export interface Column<Row> {
  /** Name in the header row, unit included. */
  readonly name: string;
  /** Decimals of a number; absent for text. */
  readonly decimals?: number;
  /** The cell; undefined when unknown. */
  readonly value: (row: Row) => string | number | undefined;
}

/** Begins like a formula, or with a control character that some spreadsheets skip. */
// deno-lint-ignore no-control-regex
const DANGEROUS_IN_SPREADSHEETS = /^[=+\-@\u0000-\u001f\u007f]/;

/** The cell as it is written in CSV. */
export function csvCell<Row>(column: Column<Row>, row: Row): string {
  const value = column.value(row);
  if (value === undefined) return "";
  if (typeof value === "number") return formatNumber(value, column.decimals ?? 0);
  return DANGEROUS_IN_SPREADSHEETS.test(value) ? `'${value}` : value;
}

/** A number with fixed decimals; never in exponent form, and zero has no sign. */
export function formatNumber(value: number, decimals: number): string {
  if (!Number.isFinite(value)) throw new RangeError(`Cannot write ${value} as a number`);
  const text = Math.abs(value) >= 1e21 ? BigInt(value).toString() : value.toFixed(decimals);
  return /^-0(\.0*)?$/.test(text) ? text.slice(1) : text;
}

/** How CSV is written. */
export interface CsvStyle {
  /** One character between cells. */
  readonly delimiter: string;
  /** Begin with a byte order mark, which some spreadsheets need to see UTF-8. */
  readonly bom: boolean;
}

/** RFC 4180 as the design says. */
export const PLAIN_CSV: CsvStyle = { delimiter: ",", bom: false };

const BYTE_ORDER_MARK = "\ufeff";

/** Header row and one line per row. */
export function renderCsv<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  style: CsvStyle = PLAIN_CSV,
): string {
  const header = columns.map((column) => column.name);
  const lines = [header, ...rows.map((row) => columns.map((column) => csvCell(column, row)))];
  return (style.bom ? BYTE_ORDER_MARK : "") + lines.map((cells) => csvLine(cells, style)).join("");
}

/** `@std/csv` quotes as RFC 4180 says; its line ends are CRLF, ours LF. */
function csvLine(cells: readonly string[], { delimiter }: CsvStyle): string {
  return stringify([cells], { headers: false, separator: delimiter }).replace(/\r\n$/, "\n");
}

/** Writes CSV row by row, in pieces of about 64 KiB. */
export class CsvStream<Row> {
  readonly #columns: readonly Column<Row>[];
  readonly #style: CsvStyle;
  readonly #sink: (bytes: Uint8Array) => void;
  readonly #encoder = new TextEncoder();
  #text: string;

  /** `sink` takes the bytes of each call before it returns. */
  constructor(columns: readonly Column<Row>[], style: CsvStyle, sink: (bytes: Uint8Array) => void) {
    this.#columns = columns;
    this.#style = style;
    this.#sink = sink;
    this.#text = renderCsv(columns, [], style);
  }

  /** Writes one row. */
  write(row: Row): void {
    const cells = this.#columns.map((column) => csvCell(column, row));
    this.#text += csvLine(cells, this.#style);
    if (this.#text.length > 1 << 16) this.flush();
  }

  /** Hands on what has been written so far. */
  flush(): void {
    this.#sink(this.#encoder.encode(this.#text));
    this.#text = "";
  }
}

/** A list of objects; numbers rounded as in CSV. */
export function renderJson<Row>(columns: readonly Column<Row>[], rows: readonly Row[]): string {
  const objects = rows.map((row) => Object.fromEntries(columns.map((column) => [column.name, jsonValue(column, row)])));
  return JSON.stringify(objects, null, 2) + "\n";
}

function jsonValue<Row>(column: Column<Row>, row: Row): string | number | null {
  const value = column.value(row);
  if (typeof value === "number") return Number(formatNumber(value, column.decimals ?? 0));
  return value ?? null;
}

/** A Markdown table: a row is one line. */
export function renderMarkdown<Row>(columns: readonly Column<Row>[], rows: readonly Row[]): string {
  const cells = rows.map((row) => columns.map((column) => plainCell(column, row).replaceAll("|", "\\|")));
  const rule = columns.map((column) => column.decimals === undefined ? "---" : "---:");
  return [columns.map((column) => column.name), rule, ...cells].map((line) => `| ${line.join(" | ")} |\n`).join("");
}

/** A column of a text table is no narrower than this, and its name is broken at `_` to fit. */
const NARROWEST = 9;

/** A table for people: text to the left, numbers to the right, long names over several lines. */
export function renderTable<Row>(columns: readonly Column<Row>[], rows: readonly Row[]): string {
  const cells = rows.map((row) => columns.map((column) => plainCell(column, row)));
  const heads = columns.map((column, i) => {
    return breakName(column.name, Math.max(NARROWEST, ...cells.map((line) => line[i]!.length)));
  });
  const widths = heads.map((head, i) =>
    Math.max(...head.map((part) => part.length), ...cells.map((line) => line[i]!.length))
  );
  const height = Math.max(...heads.map((head) => head.length));
  const headLines = Array.from(
    { length: height },
    (_, line) => heads.map((head) => head[line - height + head.length] ?? ""),
  );
  const render = (texts: readonly string[]): string => {
    const padded = texts.map((text, i) => {
      return columns[i]!.decimals === undefined ? text.padEnd(widths[i]!) : text.padStart(widths[i]!);
    });
    return padded.join("  ").trimEnd() + "\n";
  };
  return [...headLines, widths.map((width) => "-".repeat(width)), ...cells].map(render).join("");
}

/** The parts of a name, as few as fit into `width` each. */
function breakName(name: string, width: number): string[] {
  const lines: string[] = [];
  for (const part of name.match(/[^_]+_?/g) ?? [name]) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + part.length <= width) lines[lines.length - 1] = last + part;
    else lines.push(part);
  }
  return lines;
}

/** As in CSV, but control characters of names cannot reach the terminal. */
function plainCell<Row>(column: Column<Row>, row: Row): string {
  // deno-lint-ignore no-control-regex
  return csvCell(column, row).replace(/[\u0000-\u001f\u007f-\u009f]/g, "?");
}
