/**
 * Short captures and rows for the tests of fits. Not part of the library.
 *
 * ```ts
 * const rows = await simulatedRows(input, truth, ["baseline cipher=null"]);
 * ```
 *
 * @module
 */

import { sourceOfBytes } from "../capture/mod.ts";
import { resolveConfig } from "../config/resolve.ts";
import type { Coefficient, CostUnit, Profile } from "../cost/profile.ts";
import type { CaptureInput } from "../replay/run.ts";
import type { Figures } from "../report/comparison.ts";
import type { FitRow } from "./fit.ts";
import { labelOf } from "./labels.ts";
import { playRow } from "./play.ts";

const FIXTURES = new URL("../../fixtures/", import.meta.url);
const FILE_HEADER_BYTES = 24;
const RECORD_HEADER_BYTES = 16;

/** A profile of few coefficients, which stays as it is whatever becomes of those that are shipped. */
export const TEST_PRIOR: Profile = {
  name: "test",
  description: "no machine",
  clock_ghz: 2.5,
  coefficients: [
    price("seal aes-gcm cycles/byte", 2, 1, 3),
    price("open aes-gcm cycles/byte", 2, 1, 3),
    price("segment cycles/op", 1300, 200, 2000),
    price("copy ns/byte", 0.2, 0.1, 0.5),
    price("user-copy ns/byte", 0.2, 0.1, 0.5),
    price("visit@local-out cycles/op", 3000, 1800, 4400),
    price("visit@local-in cycles/op", 1500, 100, 3000),
    price("visit@driver-rx ns/op", 290, 110, 470),
    price("visit@esp-input ns/op", 700, 300, 900),
    price("visit@xfrm-output ns/op", 700, 700, 700),
    price("poll cycles/op", 80, 70, 90),
  ],
};

function price(label: string, value: number, low: number, high: number): Coefficient {
  const [, event, stage, reason, unit] = /^([\w-]+)(?:@([\w-]+))?(?: ([\w-]+))? (\S+)$/.exec(label)!;
  return {
    event: event!,
    ...(stage === undefined ? {} : { stage }),
    ...(reason === undefined ? {} : { reason }),
    unit: unit as CostUnit,
    value,
    low,
    high,
    source: "made up",
    note: "for tests",
  };
}

/** The first packets of the capture of bulk TCP, as a file of its own. */
export function shortCaptureBytes(packets: number): Uint8Array {
  const bytes = Deno.readFileSync(new URL("bulk-tcp-ipv4.pcap", FIXTURES));
  const view = new DataView(bytes.buffer);
  let end = FILE_HEADER_BYTES;
  for (let i = 0; i < packets; i++) end += RECORD_HEADER_BYTES + view.getUint32(end + 8, true);
  return bytes.subarray(0, end);
}

/** The same as an input: enough for a steady pace, and quickly played. */
export function shortCapture(packets: number): CaptureInput {
  const bytes = shortCaptureBytes(packets);
  return { name: "short.pcap", open: () => Promise.resolve({ ...sourceOfBytes(bytes), close: () => {} }) };
}

/** A row of path host-to-host in transport mode; `config` is a preset and settings. */
export function rowOf(id: string, config: string, measured: Partial<Figures>, role: FitRow["role"] = "fit"): FitRow {
  const [preset = "", ...sets] = config.split(" ");
  const resolved = resolveConfig({ preset, sets: ["path=host-to-host", "mode=transport", ...sets] });
  return {
    id,
    role,
    resolved,
    measured: { gbps: undefined, cpuPercent: undefined, rxCpuPercent: undefined, ...measured },
  };
}

/** Rows that say what the model says under a profile. */
export async function simulatedRows(
  input: CaptureInput,
  profile: Profile,
  configs: readonly string[],
): Promise<FitRow[]> {
  const rows: FitRow[] = [];
  for (const config of configs) {
    const { resolved } = rowOf(config, config, {});
    const { figures } = await playRow({ input, resolved, profile });
    rows.push(rowOf(config, config, figures));
  }
  return rows;
}

/** The profile with other values, given as shares of the ranges by label. */
export function moved(profile: Profile, shares: Readonly<Record<string, number>>): Profile {
  const coefficients = profile.coefficients.map((coefficient) => {
    const share = shares[labelOf(coefficient)];
    const { low, high } = coefficient;
    return share === undefined ? coefficient : { ...coefficient, value: low + share * (high - low) };
  });
  return { ...profile, coefficients };
}

/** The profile with ranges only of some coefficients: all other values are known. */
export function freeOnly(profile: Profile, labels: readonly string[]): Profile {
  const coefficients = profile.coefficients.map((coefficient) => {
    const { value } = coefficient;
    return labels.includes(labelOf(coefficient)) ? coefficient : { ...coefficient, low: value, high: value };
  });
  return { ...profile, coefficients };
}
