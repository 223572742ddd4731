/**
 * A recording: one folder that says which frames went in, under which settings, and what the kernel made of them.
 *
 * The documented form is in `fixtures/kernel/README.md`. Tables are read strictly (`table.ts`), captures may be packed with
 * gzip, also under a name that ends in `.gz`. A table that is not there says that nothing of the kind happened; what must be
 * there depends on the path. `events.csv` and `summary.json` are for people and are not read.
 *
 * ```ts
 * const recording = await readRecording(folder);
 * recording.tables.get("expected_gso.csv")?.rows.length; // calls of skb_segment
 * ```
 *
 * @module
 */

import { CaptureError, CapturePacket, openCapture, sourceOfBytes } from "../capture/mod.ts";
import { nearest } from "../config/nearest.ts";
import { type CommandSettings, commandSettings } from "./command_settings.ts";
import { RecordingError } from "./errors.ts";
import { associationOf, SizedAssociation, sizesOf } from "./recorded_sa.ts";
import { parseScenario, type RecordedSa, type Scenario } from "./scenario.ts";
import { parseTable, type Table } from "./table.ts";
import { formsOf, TABLE_FORMS } from "./table_forms.ts";

/** A folder, opened by whoever may touch files. */
export interface RecordingFolder {
  /** Name of the folder, for messages. */
  readonly name: string;
  /** Names of the files in it. */
  readonly files: readonly string[];
  /** The bytes of one of `files`; they belong to the caller. Throws RecordingError where the system refuses. */
  read(file: string): Promise<Uint8Array>;
}

/** One packet of a capture, with its own copy of the bytes. */
export interface RecordedPacket {
  readonly bytes: Uint8Array;
  /** Length on the wire; more than `bytes` where the capture cut it. */
  readonly originalBytes: number;
}

/** One recording. */
export interface Recording {
  /** How it was made. */
  readonly scenario: Scenario;
  /** The tables that are there, by file name. */
  readonly tables: ReadonlyMap<string, Table>;
  /** Frames that arrived (Ethernet); of path `send` the packets that entered xfrm output (raw IP). */
  readonly input: readonly RecordedPacket[];
  /** The file that `input` was read from, empty where there is none; not to be written. */
  readonly inputFile: Uint8Array;
  /** What was inside the ESP frames that arrived, in ESP sequence order (raw IP); empty but on path `receive`. */
  readonly inner: readonly RecordedPacket[];
  /** Of `gro` and `receive` the packets that were delivered, cut; of `forward` and `send` the frames sent (Ethernet). */
  readonly output: readonly RecordedPacket[];
}

/** Files that must be there. */
const REQUIRED: Readonly<Record<Scenario["path"], readonly string[]>> = {
  gro: ["input.pcap", "expected.csv", "expected_inputs.csv"],
  forward: ["input.pcap", "output.pcap", "expected.csv", "expected_inputs.csv", "expected_gro.csv"],
  receive: ["input.pcap", "inner.pcap", "expected.csv", "expected_esp_rx.csv"],
  send: ["output.pcap", "expected.csv"],
};

const SCENARIO = "scenario.json";
const CONFIG = "config.json";

/** Reads a recording. Throws RecordingError that names what is wrong and where. */
export async function readRecording(folder: RecordingFolder): Promise<Recording> {
  const reader = new FolderReader(folder);
  const scenario = { ...parseScenario(folder.name, await reader.text(SCENARIO)) };
  if (reader.has(CONFIG)) Object.assign(scenario, commandSettings(folder.name, await reader.text(CONFIG)));
  if (scenario.sa !== undefined) Object.assign(scenario, { sa: scenario.sa.map((sa) => withSettings(sa, scenario)) });
  checkAssociations(folder.name, scenario);
  const missing = REQUIRED[scenario.path].find((file) => !reader.has(file));
  if (missing !== undefined) throw new RecordingError(folder.name, "the file is missing", { file: missing });
  refuseUnknownTables(folder);
  const tables = new Map<string, Table>();
  for (const file of new Set(TABLE_FORMS.map((form) => form.file))) {
    if (reader.has(file)) tables.set(file, parseTable(folder.name, file, await reader.text(file)));
  }
  return {
    scenario,
    tables,
    input: await reader.packets("input.pcap"),
    inputFile: await reader.bytes("input.pcap"),
    inner: await reader.packets("inner.pcap"),
    output: await reader.packets("output.pcap"),
  };
}

/** Whether a folder is a recording, and not one that holds recordings. */
export function isRecording(folder: Pick<RecordingFolder, "files">): boolean {
  return folder.files.includes(SCENARIO);
}

/** What a scenario says of all its associations belongs to each. */
function withSettings(sa: RecordedSa, { tfc_pad, dont_encap_dscp, sequences }: Scenario & CommandSettings): RecordedSa {
  const flags = dont_encap_dscp === true ? [...sa.flags ?? [], "dont-encap-dscp"] : sa.flags;
  const start = sequences?.get(Number(sa.spi)) ?? {};
  return { ...start, ...sa, ...(flags === undefined ? {} : { flags }), ...(tfc_pad === undefined ? {} : { tfc_pad }) };
}

/** Keys, addresses and SPIs that no association can have are noticed before anything is compared. */
function checkAssociations(name: string, { sa = [] }: Scenario): void {
  try {
    for (const recorded of sa) {
      const sizes = sizesOf(recorded);
      if (associationOf(recorded) === undefined && sizes !== undefined) new SizedAssociation(sizes, recorded);
    }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new RecordingError(name, error.message, { file: SCENARIO });
  }
}

/** A table whose name is not known would be a result that nobody looks at. */
function refuseUnknownTables({ name, files }: RecordingFolder): void {
  const unknown = files.find((file) => /^expected.*\.csv$/.test(file) && formsOf(file).length === 0);
  if (unknown === undefined) return;
  const near = nearest(unknown, TABLE_FORMS.map(({ file }) => file));
  const hint = near === undefined ? "" : `, the nearest is ${near}`;
  throw new RecordingError(name, `there is no such table${hint}`, { file: unknown });
}

/** Reads files of a folder, packed with gzip or not. */
class FolderReader {
  constructor(readonly folder: RecordingFolder) {}

  has(file: string): boolean {
    return this.#find(file) !== undefined;
  }

  async text(file: string): Promise<string> {
    const found = this.#find(file);
    if (found === undefined) throw new RecordingError(this.folder.name, "the file is missing", { file });
    try {
      return new TextDecoder("utf-8", { fatal: true }).decode(await this.folder.read(found));
    } catch (error) {
      if (error instanceof RecordingError) throw error;
      throw new RecordingError(this.folder.name, "it is not text in UTF-8", { file });
    }
  }

  /** The bytes of a file; none where it is not there. */
  async bytes(file: string): Promise<Uint8Array> {
    const found = this.#find(file);
    return found === undefined ? new Uint8Array(0) : await this.folder.read(found);
  }

  /** All packets of a capture; none where it is not there. */
  async packets(file: string): Promise<RecordedPacket[]> {
    if (!this.has(file)) return [];
    const packets: RecordedPacket[] = [];
    try {
      const reader = await openCapture(sourceOfBytes(await this.bytes(file)), file);
      const packet = new CapturePacket();
      while (await reader.fill()) {
        while (reader.next(packet)) {
          const { bytes, offset, capturedBytes, originalBytes } = packet;
          packets.push({ bytes: bytes.slice(offset, offset + capturedBytes), originalBytes });
        }
      }
      const [warning] = reader.warnings;
      if (warning !== undefined) throw new RecordingError(this.folder.name, warning, { file });
    } catch (error) {
      if (!(error instanceof CaptureError)) throw error;
      throw new RecordingError(this.folder.name, error.message, { file });
    }
    return packets;
  }

  #find(file: string): string | undefined {
    const { files } = this.folder;
    return [file, `${file}.gz`].find((name) => files.includes(name));
  }
}
