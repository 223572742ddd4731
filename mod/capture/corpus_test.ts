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
  const described = reader.format === "pcapng" ? reader.interfaces : reader.linkTypes;
  const linkTypes = [...new Set(described.map(({ linkType }) => linkType))].toSorted((a, b) => a - b);
  return { packets, originalBytes, linkTypes, warnings: reader.warnings };
}

const manifest = readManifest();
const ignore = manifest.length === 0;
const isReadable = ({ file, format }: CorpusRow): boolean =>
  /^pcap(ng)?, /.test(format) || file.includes("/gzip-named");
const realRows = manifest.filter((row) => row.file.startsWith("real/"));
const malformedRows = manifest.filter((row) => row.file.startsWith("malformed/") && isReadable(row));
const foreignRows = manifest.filter((row) => row.file.startsWith("malformed/") && !isReadable(row));

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
  "malformed/ng-shb-version-1.pcapng": "its pcapng version is 0.1",
  "malformed/ng-shb-option-too-long.pcapng": "a block begins with length 52 and ends with 808464432",
  "malformed/ng-epb-unbounded-length.pcapng": "a packet claims 65536 captured bytes in a block of 32",
  "malformed/ng-block-length-zero.pcapng": "a block has an impossible length (0 bytes), after 0 packets, at byte 148",
  "malformed/ng-block-length-unaligned.pcapng": "a block has an impossible length (350 bytes), after 0 packets",
  "malformed/ng-block-length-giant.pcapng": "a block claims 4294967292 bytes (the limit is 4194304), after 0 packets",
  "malformed/ng-trailer-mismatch.pcapng": "a block begins with length 348 and ends with 352, after 0 packets",
  "malformed/ng-epb-before-idb.pcapng": "a packet is of interface 0, and 0 are described, after 0 packets",
  "malformed/ng-cut-in-epb.pcapng": "it ends inside a block (40 of 376 bytes), after 1 packet",
};

/** Files of which not even a header is good. */
const REFUSED: ReadonlySet<string> = new Set([
  "malformed/hdr-version-1.pcap",
  "malformed/hdr-23-bytes.pcap",
  "malformed/ng-shb-version-1.pcapng",
  "malformed/ng-shb-option-too-long.pcapng",
]);

/** The list has `1:EN10MB 9:PPP`, or where the high half of the field is set `0x30000001 (low 16 bits 1:EN10MB)`. */
function lowHalves(linkTypes: string): number[] {
  return [...linkTypes.matchAll(/(\d+):/g)].map(([, number]) => Number(number)).toSorted((a, b) => a - b);
}

Deno.test({ name: "the corpus has captures to test with", ignore }, () => {
  assertEquals([realRows.length > 35, malformedRows.length > 25, foreignRows.length > 4], [true, true, true]);
});

for (const row of [...realRows, ...malformedRows]) {
  Deno.test({ name: `openCapture() reads ${row.file} as capinfos does`, ignore }, async () => {
    const damage = DAMAGE[row.file];
    if (REFUSED.has(row.file)) {
      await assertRejects(() => readCorpusFile(row.file), CaptureError, damage);
      return;
    }
    const reading = await readCorpusFile(row.file);
    assertEquals(reading.warnings.length, damage === undefined ? 0 : 1, reading.warnings[0]);
    if (damage !== undefined) assertEquals(reading.warnings[0]?.includes(damage), true, reading.warnings[0]);
    const named = lowHalves(row.linkTypes);
    if (reading.packets > 0 && named.length > 0) assertEquals(reading.linkTypes, named);
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
