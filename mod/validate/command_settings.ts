/**
 * Settings that only the commands of `config.json` say: TFC padding, DSCP of the outer header, gro_max_size.
 *
 * A recording may state the same in `scenario.json` (keys `tfc_pad`, `gro_max_size`, `dont_encap_dscp`) and
 * needs no `config.json` then.
 *
 * @module
 */

import { RecordingError } from "./errors.ts";

/** What the commands add to the settings of `scenario.json`. */
export interface CommandSettings {
  readonly tfc_pad?: number;
  readonly gro_max_size?: number;
  readonly dont_encap_dscp?: boolean;
}

const FILE = "config.json";

/** Reads the set-up commands of `config.json`. Throws RecordingError where it is not JSON. */
export function commandSettings(recording: string, source: string): CommandSettings {
  let setup: unknown;
  try {
    setup = (JSON.parse(source) as { setup?: unknown } | null)?.setup ?? [];
  } catch {
    throw new RecordingError(recording, "it is not JSON", { file: FILE });
  }
  const isListOfText = Array.isArray(setup) && setup.every((line) => typeof line === "string");
  if (!isListOfText) throw new RecordingError(recording, "the key setup is not a list of commands", { file: FILE });
  const commands = (setup as string[]).join("\n");
  const tfcPad = numberBehind(commands, /\btfcpad (\d{1,9})\b/);
  const groMaxSize = numberBehind(commands, /\bgro_max_size (\d{1,9})\b/);
  return {
    ...(tfcPad === undefined ? {} : { tfc_pad: tfcPad }),
    ...(groMaxSize === undefined ? {} : { gro_max_size: groMaxSize }),
    ...(/\bdont-encap-dscp\b/.test(commands) ? { dont_encap_dscp: true } : {}),
  };
}

function numberBehind(text: string, pattern: RegExp): number | undefined {
  const found = pattern.exec(text)?.[1];
  return found === undefined ? undefined : Number(found);
}
