/**
 * Every capture of the shared corpus, against what capinfos and tcpdump said about it. Skipped where the folder is not.
 *
 * @module
 */

import { assertEquals, assertRejects } from "@std/assert";
import { parse } from "@std/csv";
import { CaptureError } from "./errors.ts";
import { openCapture } from "./open.ts";
import { CapturePacket } from "./packet.ts";

const CORPUS = new URL("../../../shared/captures/", import.meta.url);

interface CorpusRow {
  readonly file: string;
  readonly format: string;
  readonly linkTypes: string;
  /** Counts of capinfos, empty where it gave up. */
  readonly packets: string;
  readonly dataBytes: string;
}

interface CorpusReading {
  readonly packets: number;
  readonly originalBytes: number;
  readonly linkTypes: readonly number[];
  readonly warnings: readonly string[];
}

/** Rows are matched to columns by hand, because one row of the list has a field more than the header. */
function readManifest(): CorpusRow[] {
  try {
    const [header, ...rows] = parse(Deno.readTextFileSync(new URL("MANIFEST.csv", CORPUS)));
    const column = (row: string[], name: string): string => row[header?.indexOf(name) ?? -1] ?? "";
    return rows.map((row) => ({
      file: column(row, "file"),
      format: column(row, "format"),
      linkTypes: column(row, "link_types"),
      packets: column(row, "capinfos_packets"),
      dataBytes: column(row, "capinfos_data_bytes"),
    }));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

async function readCorpusFile(file: string): Promise<CorpusReading> {
  using source = await Deno.open(new URL(file, CORPUS));
  const reader = await openCapture(source, file);
  const packet = new CapturePacket();
  let packets = 0;
  let originalBytes = 0;
  while (await reader.fill()) {
    while (reader.next(packet)) {
      packets++;
      originalBytes += packet.originalBytes;
    }
  }
  const linkTypes = reader.linkTypes.map((count) => count.linkType);
  return { packets, originalBytes, linkTypes, warnings: reader.warnings };
}

const manifest = readManifest();
const ignore = manifest.length === 0;
const pcapRows = manifest.filter((row) => row.format.startsWith("pcap, "));
const realRows = pcapRows.filter((row) => row.file.startsWith("real/"));
const malformedRows = pcapRows.filter((row) => row.file.startsWith("malformed/"));
const foreignRows = manifest.filter((row) => !row.format.startsWith("pcap, "));

/** What the damage in a file is, by a word of the warning or of the refusal; files that are not here read to their end. */
const DAMAGE: Readonly<Record<string, string>> = {
  "real/lro-pgsql-18k-cut-tail.pcap": "it ends inside a record header (1 of 16 bytes), after 785 packets",
  "malformed/hdr-version-1.pcap": "its pcap version is 1.",
  "malformed/hdr-23-bytes.pcap": "its pcap header is cut off (23 of 24 bytes)",
  "malformed/fuzz-rec-cut-5165538295939072.pcap": "a record claims 16095754 captured bytes",
  "malformed/fuzz-be-nano-6207688043397120.pcap": "it ends inside a record header (2 of 16 bytes), after 1 packet",
  "malformed/fuzz-ah-ext-5757531338309632.pcap": "it ends inside a record header (2 of 16 bytes), after 1 packet",
  "malformed/tcpreplay-poc-caplen-8m.pcap": "it ends inside a record header (8 of 16 bytes), after 36 packets",
  "malformed/tcpreplay-poc-IMA.pcap": "it ends inside a packet (80 of 208946 bytes), after 1 packet",
  "malformed/tcpreplay-poc-be-TR_NP.pcap": "a record claims 1241513984 captured bytes",
};

/** The list has `1:EN10MB`, or where the high half of the field is set `0x30000001 (low 16 bits 1:EN10MB)`. */
function lowHalf(linkTypes: string): number {
  return Number(/(\d+):/.exec(linkTypes)?.[1]);
}

Deno.test({ name: "the corpus has captures to test with", ignore }, () => {
  assertEquals([realRows.length > 20, malformedRows.length > 15, foreignRows.length > 15], [true, true, true]);
});

for (const row of [...realRows, ...malformedRows]) {
  Deno.test({ name: `openCapture() reads ${row.file} as capinfos does`, ignore }, async () => {
    const damage = DAMAGE[row.file];
    if (damage?.startsWith("its pcap ") === true) {
      await assertRejects(() => readCorpusFile(row.file), CaptureError, damage);
      return;
    }
    const reading = await readCorpusFile(row.file);
    assertEquals(reading.warnings.length, damage === undefined ? 0 : 1, reading.warnings[0]);
    if (damage !== undefined) assertEquals(reading.warnings[0]?.includes(damage), true, reading.warnings[0]);
    if (reading.packets > 0) assertEquals(reading.linkTypes, [lowHalf(row.linkTypes)]);
    if (row.packets === "") return;
    assertEquals(reading.packets, Number(row.packets));
    assertEquals(reading.originalBytes, Number(row.dataBytes));
  });
}

for (const row of foreignRows) {
  Deno.test({ name: `openCapture() refuses ${row.file} in one line (${row.format})`, ignore }, async () => {
    const error = await assertRejects(() => readCorpusFile(row.file), CaptureError, `Cannot read ${row.file}: `);
    assertEquals(error.message.includes("\n"), false);
  });
}
