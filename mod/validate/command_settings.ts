/**
 * Settings that only the commands of `config.json` say: TFC padding, DSCP of the outer header, gro_max_size, the sequence
 * numbers that associations begin with.
 *
 * A recording may state the same in `scenario.json` (keys `tfc_pad`, `gro_max_size`, `dont_encap_dscp`, and of an association
 * `replay_oseq`, `replay_seq`) and needs no `config.json` then.
 *
 * @module
 */

import { RecordingError } from "./errors.ts";

/** What the commands add to the settings of `scenario.json`. */
export interface CommandSettings {
  readonly tfc_pad?: number;
  readonly gro_max_size?: number;
  readonly dont_encap_dscp?: boolean;
  /** Sequence numbers that associations begin behind, by SPI. */
  readonly sequences?: ReadonlyMap<number, SequenceStart>;
}

/** Where an association begins that has not been idle before; extended numbers are whole. */
export interface SequenceStart {
  /** Last number sent. */
  readonly replay_oseq?: number;
  /** Highest number received. */
  readonly replay_seq?: number;
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
    ...sequencesOf(setup as string[]),
  };
}

/** `replay-oseq 0x5 replay-oseq-hi 0x7`, of each SPI: what both hosts were told of it. */
function sequencesOf(commands: readonly string[]): Pick<CommandSettings, "sequences"> {
  const sequences = new Map<number, SequenceStart>();
  for (const command of commands) {
    const spi = wordBehind(command, "spi");
    const sent = wordBehind(command, "replay-oseq");
    const received = wordBehind(command, "replay-seq");
    if (spi === undefined || (sent ?? received) === undefined) continue;
    sequences.set(spi, {
      ...sequences.get(spi),
      ...(sent === undefined ? {} : { replay_oseq: whole(sent, wordBehind(command, "replay-oseq-hi")) }),
      ...(received === undefined ? {} : { replay_seq: whole(received, wordBehind(command, "replay-seq-hi")) }),
    });
  }
  return sequences.size === 0 ? {} : { sequences };
}

/** The number of up to 32 bits behind a word of `ip xfrm state`. */
function wordBehind(command: string, word: string): number | undefined {
  const found = new RegExp(`(?:^|\\s)${word} (0x[0-9a-f]{1,8}|\\d{1,9})(?:\\s|$)`).exec(command)?.[1];
  return found === undefined ? undefined : Number(found);
}

function whole(low: number, high: number = 0): number {
  return high * 2 ** 32 + low;
}

function numberBehind(text: string, pattern: RegExp): number | undefined {
  const found = pattern.exec(text)?.[1];
  return found === undefined ? undefined : Number(found);
}
