/**
 * One recording held against the model: how many values were compared, how many differ, which were left out and why.
 *
 * ```ts
 * const comparison = new Comparison();
 * comparison.value("expected_gso.csv", 2, "n_segs", 30, 30);
 * comparison.leaveOut("expected_esp_rx.csv", "espInput", 180);
 * ```
 *
 * @module
 */

import type { LeftOutReason } from "./left_out.ts";
import type { Table } from "./table.ts";

/** A value that the model and the recording have, as text or number. */
export type Value = string | number;

/** The counts of one recording. */
export class Comparison {
  /** Values compared. */
  compared = 0;
  /** Values that differ. */
  differ = 0;
  /** Values left out, by reason. */
  readonly leftOut: Map<LeftOutReason, number> = new Map();
  /** The first difference: table, row, column and both values; empty when there is none. */
  firstDifference = "";

  /** Values of each table that were compared or left out. */
  readonly #accounted = new Map<string, number>();

  /** Compares one value; `row` is named as the table counts its rows, from 0, or says what it is the sum of. */
  value(table: string, row: number | string, column: string, ours: Value, recorded: Value): void {
    this.#account(table, 1);
    this.compared += 1;
    if (String(ours) === String(recorded)) return;
    this.differ += 1;
    if (this.firstDifference !== "") return;
    const where = typeof row === "number" ? `row ${row}` : row;
    this.firstDifference = `${table} ${where} ${column}: model ${shown(ours)}, recorded ${shown(recorded)}`;
  }

  /** Leaves `values` values of a table out. */
  leaveOut(table: string, reason: LeftOutReason, values: number): void {
    if (values === 0) return;
    this.#account(table, values);
    this.leftOut.set(reason, (this.leftOut.get(reason) ?? 0) + values);
  }

  /** `values` values of a table that this view does not compare are compared, or left out for a reason, in another view. */
  elsewhere(table: string, values: number): void {
    this.#account(table, values);
  }

  /** Leaves rows out of the whole path: their values, but for those that stages alone decide. */
  leaveRowsOut(table: Table, reason: LeftOutReason, rows: number): void {
    const { file } = table.form;
    const columns = table.results("path");
    const ofStages = columns.filter((column) => table.isOfStages(column)).length;
    this.elsewhere(file, rows * ofStages);
    this.leaveOut(file, reason, rows * (columns.length - ofStages));
  }

  /** Something is wrong beside any single value. */
  fail(what: string): void {
    this.differ += 1;
    if (this.firstDifference === "") this.firstDifference = what;
  }

  /** Fails unless all `values` values of a table were compared or left out. */
  close(table: string, values: number): void {
    const accounted = this.#accounted.get(table) ?? 0;
    if (accounted === values) return;
    this.fail(`${table}: ${values - accounted} values were neither compared nor left out for a listed reason`);
  }

  #account(table: string, values: number): void {
    this.#accounted.set(table, (this.#accounted.get(table) ?? 0) + values);
  }
}

/** Long lists are cut; the rest can be seen in the table. */
function shown(value: Value): string {
  const text = String(value);
  if (text === "") return "nothing";
  return text.length > 120 ? `${text.slice(0, 120)}...` : text;
}
