/**
 * Tables of measured rows (CSV) that a profile is fitted to: `id,role,preset,set,gbps,cpu_percent,rx_cpu_percent`.
 *
 * Role `fit` or `predict`; a preset or the file of a configuration; settings `key=value` with spaces between; what was measured, empty
 * where it is not known. The columns may come in any order, all of them must be there, and nothing else but two that may be
 * missing or empty: `cpu_of`, whether the CPU figures are those of the `busiest` CPU of a host or of `all` its CPUs together, in % of
 * one (empty: busiest); and `tolerance`, one standard deviation in % of Gbps and in points of CPU (empty: 1).
 *
 * ```ts
 * parseRows("id,role,preset,set,gbps,cpu_percent,rx_cpu_percent\na,fit,baseline,path=send,2.6,71,\n", "rows.csv");
 * // [{ id: "a", role: "fit", preset: "baseline", sets: ["path=send"], measured: { gbps: 2.6, ... }, line: 2 }]
 * ```
 *
 * @module
 */

import { parse } from "@std/csv";
import { showText } from "../config/errors.ts";
import { nearest } from "../config/nearest.ts";
import type { Figures } from "../report/comparison.ts";
import { FitError } from "./errors.ts";
import { FIT_ROLES, type FitRow } from "./fit.ts";
import { CPU_OF, type CpuOf } from "./play.ts";

/** A row as it is written. */
export interface WrittenRow {
  /** Name of the row; no other has it. */
  readonly id: string;
  /** What it is for. */
  readonly role: FitRow["role"];
  /** Preset, or file of a configuration; undefined where none is named. */
  readonly preset: string | undefined;
  /** `key=value` each. */
  readonly sets: readonly string[];
  /** What was measured. */
  readonly measured: Figures;
  /** Whose load its CPU figures are. */
  readonly cpuOf: CpuOf;
  /** Standard deviation, in % of Gbps and in points of CPU. */
  readonly tolerance: number | undefined;
  /** Number of the row in the table, the header being row 1. */
  readonly line: number;
}

const NEEDED = ["id", "role", "preset", "set", "gbps", "cpu_percent", "rx_cpu_percent"] as const;
const COLUMNS = [...NEEDED, "cpu_of", "tolerance"] as const;
type ColumnName = typeof COLUMNS[number];

/** Digits without sign or exponent. */
const NUMBER = /^\d{1,15}(\.\d{1,15})?$/;
/** The longest table that is read. */
const CHARACTERS_MAX = 1 << 20;

/** Reads a table; `name` is what messages call the file. Throws FitError with row and column. */
export function parseRows(text: string, name: string): WrittenRow[] {
  const refuse = (why: string): never => {
    throw new FitError(`Cannot read ${showText(name)}: ${why}`);
  };
  const [first = [], ...lines] = tableOf(text, refuse);
  const header = first.map((name) => name.trim());
  checkHeader(header, refuse);
  const rows = lines.map((cells, i) => {
    const line = i + 2;
    if (cells.length !== header.length) refuse(`row ${line} has ${cells.length} columns, the header ${header.length}`);
    return new Cells(header, cells, line, refuse).row();
  });
  const ids = new Map<string, number>();
  for (const { id, line } of rows) {
    if (ids.has(id)) refuse(`row ${line}, column id: ${showText(id)} is the id of row ${ids.get(id)} too`);
    ids.set(id, line);
  }
  if (!rows.some(({ role }) => role === "fit")) refuse("no row has role fit");
  return rows;
}

type Refuse = (why: string) => never;

function tableOf(text: string, refuse: Refuse): string[][] {
  if (text.length > CHARACTERS_MAX) refuse("it is too long");
  let table: string[][];
  try {
    table = parse(text.replace(/^\uFEFF/, ""));
  } catch (error) {
    return refuse(`it is not CSV: ${showText((error as Error).message)}`);
  }
  if (table.length === 0) refuse("it is empty");
  return table;
}

function checkHeader(header: readonly string[], refuse: Refuse): void {
  for (const [i, name] of header.entries()) {
    if (!(COLUMNS as readonly string[]).includes(name)) {
      const near = nearest(name, COLUMNS);
      const hint = near === undefined ? `the columns are ${COLUMNS.join(",")}` : `the nearest is ${near}`;
      refuse(`row 1: there is no column ${showText(name)}, ${hint}`);
    }
    if (header.indexOf(name) !== i) refuse(`row 1: column ${name} is there twice`);
  }
  for (const name of NEEDED) if (!header.includes(name)) refuse(`row 1: column ${name} is missing`);
}

/** The cells of one row by the names of their columns. */
class Cells {
  constructor(
    readonly header: readonly string[],
    readonly cells: readonly string[],
    readonly line: number,
    readonly refuse: Refuse,
  ) {}

  row(): WrittenRow {
    const role = FIT_ROLES.find((known) => known === this.#text("role"));
    if (this.#text("id") === "") this.#wrong("id", "it is empty");
    if (role === undefined) this.#wrong("role", `${this.#shown("role")} is neither fit nor predict`);
    const cpuOf = this.#cpuOf();
    const measured = {
      gbps: this.#number("gbps"),
      cpuPercent: this.#percent("cpu_percent", cpuOf),
      rxCpuPercent: this.#percent("rx_cpu_percent", cpuOf),
    };
    if (measured.gbps === 0) this.#wrong("gbps", "a number above 0 is needed");
    if (role === "fit" && Object.values(measured).every((value) => value === undefined)) {
      this.#wrong("gbps", "nothing of this row was measured, so nothing can be fitted to it");
    }
    return {
      id: this.#text("id"),
      role: role!,
      preset: this.#text("preset") === "" ? undefined : this.#text("preset"),
      sets: this.#text("set").split(/ +/).filter((set) => set !== ""),
      measured,
      cpuOf,
      tolerance: this.#tolerance(),
      line: this.line,
    };
  }

  #text(column: ColumnName): string {
    return (this.cells[this.header.indexOf(column)] ?? "").trim();
  }

  #cpuOf(): CpuOf {
    const cpuOf = CPU_OF.find((known) => known === (this.#text("cpu_of") || "busiest"));
    return cpuOf ?? this.#wrong("cpu_of", `${this.#shown("cpu_of")} is neither busiest nor all`);
  }

  #tolerance(): number | undefined {
    const value = this.#number("tolerance");
    if (value === 0) this.#wrong("tolerance", "a number above 0 is needed");
    return value;
  }

  #shown(column: ColumnName): string {
    return showText(this.#text(column)) || "an empty cell";
  }

  #wrong(column: ColumnName, why: string): never {
    return this.refuse(`row ${this.line}, column ${column}: ${why}`);
  }

  #number(column: ColumnName): number | undefined {
    const text = this.#text(column);
    if (text === "") return undefined;
    if (!NUMBER.test(text)) this.#wrong(column, `${this.#shown(column)} is not a number from 0 up, like 2.6`);
    return Number(text);
  }

  #percent(column: ColumnName, cpuOf: CpuOf): number | undefined {
    const value = this.#number(column);
    if (cpuOf === "busiest" && value !== undefined && value > 100) {
      this.#wrong(column, `${value} is more than the 100 % of one CPU`);
    }
    return value;
  }
}
