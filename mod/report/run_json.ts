/**
 * `run.json`: what a run was made from, so that it can be repeated. No time of day, no path, no key.
 *
 * @module
 */

import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex } from "@noble/hashes/utils.js";
import type { Run } from "../replay/run.ts";
import { VERSION } from "../version.ts";

/** The file's text. */
export function renderRunJson(run: Run): string {
  const { resolved, profile } = run;
  const settings = Object.entries(resolved.config).map(([key, value]) => {
    const shown = key === "profile" ? profile.name : value;
    return [key, { value: shown, from: resolved.provenance[key as keyof typeof resolved.provenance] }];
  });
  const document = {
    version: VERSION,
    capture: { name: run.captureName, sha256: run.captureSha256 },
    t0_epoch_ns: run.t0EpochNs === undefined ? null : String(run.t0EpochNs),
    config: { name: resolved.name, settings: Object.fromEntries(settings) },
    counterfactual: resolved.counterfactual,
    profile: { name: profile.name, sha256: hashOf(JSON.stringify(profile)) },
    engine: run.engine ?? null,
    seed: resolved.config.seed,
    warnings: run.warnings,
  };
  return JSON.stringify(document, null, 2) + "\n";
}

function hashOf(text: string): string {
  return bytesToHex(sha256(new TextEncoder().encode(text)));
}
