/**
 * A table of a recording, read strictly: every column known, every cell of its kind, every row complete.
 *
 * ```ts
 * import { parseTable } from "./table.ts";
 * const table = parseTable("mine", "expected_copies.csv", "what,bytes,...\n__pskb_pull_tail,1460,...\n");
 * table.rows[0]?.integer("bytes"); // 1460
 * ```
 *
 * @module
 */

import { parse } from "@std/csv";
import { type Place, RecordingError } from "./errors.ts";
import { whyDamaged } from "./table_columns.ts";
import { formOf, type TableForm } from "./table_forms.ts";

/** One row. */
export class TableRow {
  readonly #table: Table;
  readonly #cells: readonly string[];

  constructor(
    table: Table,
    cells: readonly string[],
    /** Its line in the file, from 1. */
    readonly line: number,
  ) {
    this.#table = table;
    this.#cells = cells;
  }

  /** The cell as it is written; empty where it is unknown, and where the table lacks an optional column. */
  text(column: string): string {
    return this.#cells[this.#table.columnIndex(column)] ?? "";
  }

  /** The cell as a number. Throws RecordingError where it is empty. */
  integer(column: string): number {
    const cell = this.text(column);
    if (cell === "") throw this.error("the cell is empty", column);
    return Number(cell);
  }

  /** The cell as a list of numbers; an empty cell is an empty list. */
  integers(column: string): number[] {
    const cell = this.text(column);
    return cell === "" ? [] : cell.split("/").map(Number);
  }

  /** What to throw when a cell cannot be what it says. */
  error(reason: string, column: string): RecordingError {
    return this.#table.error(reason, { line: this.line, column });
  }
}

/** A table. */
export class Table {
  /** Its rows, in order. */
  readonly rows: TableRow[] = [];
  readonly #indexes: ReadonlyMap<string, number>;

  constructor(
    /** Name of the recording, for messages. */
    readonly recording: string,
    /** Which table it is. */
    readonly form: TableForm,
    /** Its columns as the header row has them. */
    readonly columns: readonly string[],
  ) {
    this.#indexes = new Map(columns.map((name, i) => [name, i]));
  }

  /** The results of a view that the table has: optional columns may be missing. */
  results(view: "stage" | "path"): string[] {
    return this.form[view].filter((name) => this.#indexes.has(name));
  }

  /** Whether a column is a result of one stage, and so compared whatever the whole path was. */
  isOfStages(column: string): boolean {
    return this.form.stage.includes(column) && this.#indexes.has(column);
  }

  /** Place of a column in a row; -1 for an optional column that the table lacks. */
  columnIndex(column: string): number {
    const index = this.#indexes.get(column);
    if (index === undefined && !this.form.columns.includes(column)) {
      throw new Error(`Cannot look up ${column}: a table of ${this.form.name} has no such column`);
    }
    return index ?? -1;
  }

  /** What to throw when the table cannot be what it says. */
  error(reason: string, place: Place): RecordingError {
    return new RecordingError(this.recording, reason, { file: this.form.file, ...place });
  }
}

/** Reads the text of table `file`. Throws RecordingError with line and column of the first thing that is wrong. */
export function parseTable(recording: string, file: string, text: string): Table {
  const lines = text.replace(/\r\n/g, "\n").replace(/\n$/, "").split("\n");
  const header = cellsOf(recording, file, lines[0]!, 1);
  const form = formOf(file, header);
  if (!("name" in form)) throw new RecordingError(recording, form.reason, { file, line: 1, column: form.column });
  const table = new Table(recording, form, header);
  for (let i = 1; i < lines.length; i++) {
    const cells = cellsOf(recording, file, lines[i]!, i + 1);
    checkCells(table, cells, i + 1);
    table.rows.push(new TableRow(table, cells, i + 1));
  }
  return table;
}

/** The cells of one line: no cell of a recording goes over several. */
function cellsOf(recording: string, file: string, line: string, number: number): string[] {
  if (!line.includes('"')) return line.split(",");
  try {
    return parse(line)[0] ?? [];
  } catch {
    throw new RecordingError(recording, "the quotes of the line do not match", { file, line: number });
  }
}

function checkCells(table: Table, cells: readonly string[], line: number): void {
  const { columns } = table;
  if (cells.length !== columns.length) {
    throw table.error(`the row has ${cells.length} cells where the header has ${columns.length}`, { line });
  }
  for (let i = 0; i < cells.length; i++) {
    const column = columns[i]!;
    const damage = whyDamaged(column, cells[i]!);
    if (damage !== undefined) throw table.error(damage, { line, column });
  }
}
