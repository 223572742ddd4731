/**
 * Measured figures beside those of the model, as tables have them: what `calibrate --fit` and `validate --published` print.
 *
 * ```ts
 * const columns = comparisonColumns<Row>(({ measured, predicted }) => ({ measured, predicted }), 1);
 * ```
 *
 * @module
 */

import type { Column } from "./columns.ts";

/** What is measured and what is predicted; undefined where it is not known. */
export interface Figures {
  /** Payload, Gbit/s. */
  readonly gbps: number | undefined;
  /** CPU of the sending host, or of the only one, in % of one CPU: of its busiest CPU, or of all of them together. */
  readonly cpuPercent: number | undefined;
  /** The same of the receiving host; undefined where there are not two. */
  readonly rxCpuPercent: number | undefined;
}

/** What a row of measurements says, and what the model makes of it. */
export interface ComparedFigures {
  /** As far as it was measured. */
  readonly measured: Figures;
  /** Undefined where the row was not played. */
  readonly predicted: Figures | undefined;
}

/** Difference of Gbit/s in %, and of both loads in points; undefined where one of both is not known. */
export function differences(measured: Figures, predicted: Figures): (number | undefined)[] {
  const relative = quotientOf(predicted.gbps, measured.gbps);
  return [
    relative === undefined ? undefined : 100 * (relative - 1),
    differenceOf(predicted.cpuPercent, measured.cpuPercent),
    differenceOf(predicted.rxCpuPercent, measured.rxCpuPercent),
  ];
}

/**
 * Measured, predicted, and the difference, predicted less measured; CPU is that of the sender unless the name says `rx`.
 * Differences and CPU have `decimals`.
 */
export function comparisonColumns<Row>(of: (row: Row) => ComparedFigures, decimals: number): Column<Row>[] {
  const by = (row: Row, figure: number): number | undefined => {
    const { measured, predicted } = of(row);
    return predicted === undefined ? undefined : differences(measured, predicted)[figure];
  };
  return [
    { name: "gbps", decimals: 4, value: (row) => of(row).measured.gbps },
    { name: "predicted_gbps", decimals: 4, value: (row) => of(row).predicted?.gbps },
    { name: "error_percent", decimals, value: (row) => by(row, 0) },
    { name: "cpu_percent", decimals, value: (row) => of(row).measured.cpuPercent },
    { name: "predicted_cpu_percent", decimals, value: (row) => of(row).predicted?.cpuPercent },
    { name: "cpu_error_points", decimals, value: (row) => by(row, 1) },
    { name: "rx_cpu_percent", decimals, value: (row) => of(row).measured.rxCpuPercent },
    { name: "predicted_rx_cpu_percent", decimals, value: (row) => of(row).predicted?.rxCpuPercent },
    { name: "rx_cpu_error_points", decimals, value: (row) => by(row, 2) },
  ];
}

function quotientOf(over: number | undefined, under: number | undefined): number | undefined {
  return over === undefined || under === undefined ? undefined : over / under;
}

function differenceOf(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? undefined : a - b;
}
