import { assert, assertAlmostEquals, assertEquals, assertRejects } from "@std/assert";
import { FIT_ROW_COLUMNS, FITTED_COLUMNS, fittedCoefficients } from "./columns.ts";
import { FitError } from "./errors.ts";
import { type Fit, fitProfile, type FitRow } from "./fit.ts";
import { labelOf, parseTie } from "./labels.ts";
import { differences } from "../report/comparison.ts";
import { renderCsv } from "../report/columns.ts";
import { freeOnly, moved, rowOf, shortCapture, simulatedRows, TEST_PRIOR } from "./testing.ts";

const INPUT = shortCapture(800);
const PRIOR = TEST_PRIOR;
const CONFIGS = ["baseline cipher=null", "baseline cipher=aes-gcm-256", "nocopy-gro-gso cipher=null"];
const SEAL = "seal aes-gcm cycles/byte";
const OPEN = "open aes-gcm cycles/byte";
/** A machine that is not that of the prior, inside its ranges. */
const TRUTH = moved(PRIOR, {
  [SEAL]: 0.9,
  [OPEN]: 0.2,
  "segment cycles/op": 0.4,
  "copy ns/byte": 0.7,
  "visit@local-in cycles/op": 0.1,
  "visit@local-out cycles/op": 0.8,
  "visit@driver-rx ns/op": 0.9,
});

function valueOf({ fitted }: Fit, label: string): number {
  return fitted.coefficients.find((coefficient) => labelOf(coefficient) === label)!.value;
}

Deno.test("fitProfile() meets rows of a machine inside the ranges within 1 %, and predicts another of it", async () => {
  const rows = await simulatedRows(INPUT, TRUTH, CONFIGS);
  const [held] = await simulatedRows(INPUT, TRUTH, ["nocopy-gro-gso cipher=aes-gcm-256"]);
  const before = await simulatedRows(INPUT, PRIOR, CONFIGS);
  assert(rows.some((row, i) => Math.abs(differences(row.measured, before[i]!.measured)[0]!) > 5));
  const fit = await fitProfile({
    input: INPUT,
    rows: [...rows.map((row) => ({ ...row, tolerance: 0.3 })), { ...held!, role: "predict" }],
    prior: PRIOR,
    ties: [],
  });
  for (const { role, measured, predicted, id } of fit.rows) {
    const most = role === "fit" ? 1 : 5;
    for (const error of differences(measured, predicted)) assert(Math.abs(error!) < most, `${id}: ${error}`);
  }
  for (const { value, low, high } of fit.fitted.coefficients) assert(low <= value && value <= high);
});

Deno.test("fitProfile() finds the coefficient that alone decides a row, and says that little of its range is left", async () => {
  const prior = freeOnly(PRIOR, [SEAL, "user-copy ns/byte"]);
  const rows = await simulatedRows(INPUT, moved(prior, { [SEAL]: 0.9 }), CONFIGS.slice(0, 2));
  const fit = await fitProfile({ input: INPUT, rows, prior, ties: [] });
  const seal = fittedCoefficients(fit).find(({ label }) => label === SEAL)!;
  assertAlmostEquals(seal.value, 2.8, 0.03 * 2.8);
  assert(seal.leftPercent < 20 && seal.leftLow <= 2.8 && seal.leftHigh >= 2.8, JSON.stringify(seal));
});

Deno.test("fitProfile() leaves at its prior what no row asks for, and nearly so what rows hardly depend on", async () => {
  const rows = await simulatedRows(INPUT, moved(PRIOR, { "copy ns/byte": 0.9 }), CONFIGS.slice(0, 1));
  const fit = await fitProfile({ input: INPUT, rows, prior: PRIOR, ties: [] });
  assertEquals(valueOf(fit, SEAL), PRIOR.coefficients.find((coefficient) => labelOf(coefficient) === SEAL)!.value);
  const table = fittedCoefficients(fit);
  assertEquals(table.some(({ label }) => label === SEAL), false);
  const last = table.at(-1)!;
  assert(last.leftPercent > 99.9);
  assertAlmostEquals(last.value, last.prior, 0.02 * (last.high - last.low));
});

Deno.test("fitProfile() keeps tied coefficients equal, inside what their ranges share", async () => {
  const ranges: Record<string, Partial<{ value: number; low: number; high: number }>> = {
    [SEAL]: { low: 1.7, high: 3 },
    [OPEN]: { low: 1, high: 2.1 },
  };
  const coefficients = PRIOR.coefficients.map((coefficient) => ({ ...coefficient, ...ranges[labelOf(coefficient)] }));
  const prior = { ...PRIOR, coefficients };
  const rows = await simulatedRows(INPUT, moved(prior, { [SEAL]: 1, [OPEN]: 0 }), CONFIGS.slice(1, 2));
  const fit = await fitProfile({ input: INPUT, rows, prior, ties: [parseTie(`${OPEN} = ${SEAL}`, prior)] });
  assertEquals(valueOf(fit, SEAL), valueOf(fit, OPEN));
  const [seal, open] = fittedCoefficients(fit).filter(({ label }) => label === SEAL || label === OPEN);
  assertEquals([seal!.low, seal!.high, open!.low, open!.high], [1.7, 2.1, 1.7, 2.1]);
  assert(seal!.value >= 1.7 && seal!.value <= 2.1);
  assertEquals([seal!.tiedTo, open!.tiedTo], ["", SEAL]);
});

Deno.test("fitProfile() shows the error of a row that nothing in the ranges meets, with values at their ends", async () => {
  const rows = [
    rowOf("impossible", "baseline cipher=null", { gbps: 9.5 }),
    rowOf("unknown", "baseline", {}, "predict"),
  ];
  const fit = await fitProfile({ input: INPUT, rows, prior: PRIOR, ties: [] });
  const [error] = differences(fit.rows[0]!.measured, fit.rows[0]!.predicted);
  assert(error! < -10);
  assert(fittedCoefficients(fit).filter(({ at }) => at === "low").length >= 3);
  const [, first, second] = renderCsv(FIT_ROW_COLUMNS, fit.rows).split("\n");
  assertEquals(first!.split(",")[4], error!.toFixed(2));
  // Nothing was measured of the other: its prediction stands alone.
  assert(/^unknown,predict,,\d+\.\d{4},,,\d+\.\d\d,,,\d+\.\d\d,$/.test(second!), second);
});

Deno.test("fitProfile() is the same twice, to the byte, and rounds what moved to 4 digits", async () => {
  const rows = await simulatedRows(INPUT, TRUTH, CONFIGS.slice(1, 2));
  const once = async (): Promise<[Fit, string]> => {
    const fit = await fitProfile({ input: INPUT, rows, prior: PRIOR, ties: [] });
    return [fit, renderCsv(FIT_ROW_COLUMNS, fit.rows) + renderCsv(FITTED_COLUMNS, fittedCoefficients(fit))];
  };
  const [[fit, first], [, second]] = [await once(), await once()];
  assertEquals(first, second);
  fit.fitted.coefficients.forEach(({ value, low, high }, i) => {
    const kept = [PRIOR.coefficients[i]!.value, low, high];
    assert(kept.includes(value) || value === Number(value.toPrecision(4)), String(value));
  });
});

Deno.test("fitProfile() refuses rows and profiles of which nothing can be fitted", async () => {
  const refused = async (rows: readonly FitRow[], prior = PRIOR): Promise<string> => {
    const error = await assertRejects(() => fitProfile({ input: INPUT, rows, prior, ties: [] }), FitError);
    return error.message;
  };
  const row = rowOf("a", "baseline", { gbps: 2.6 });
  assertEquals(await refused([{ ...row, role: "predict" }]), "Cannot fit: no row has role fit");
  const message = "Cannot fit: no coefficient of profile test is free to move";
  assertEquals(await refused([row], freeOnly(PRIOR, [])), message);
  const forward = rowOf("b", "baseline path=forward mode=tunnel", { rxCpuPercent: 50 });
  assertEquals(await refused([forward]), "Cannot fit to row b: rx_cpu_percent is given, and its path has one host");
});
