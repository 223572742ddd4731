import { assert, assertEquals } from "@std/assert";
import * as fc from "fast-check";
import { sourceOfBytes } from "./byte_source.ts";
import { openCapture } from "./open.ts";
import { CapturePacket } from "./packet.ts";
import { buildPcap, patternBytes, type PcapRecordFields, readAll, sourceInSteps } from "./testing.ts";

const MICROSECONDS = 0xa1b2c3d4;
const NANOSECONDS = 0xa1b23c4d;

const TWO_RECORDS: PcapRecordFields[] = [
  { seconds: 1_600_000_000, fraction: 999_999, bytes: patternBytes(60, 1) },
  { seconds: 1_600_000_002, fraction: 1, bytes: patternBytes(54, 2), originalLength: 1514 },
];

for (const littleEndian of [true, false]) {
  for (const [magic, nsPerFraction] of [[MICROSECONDS, 1000], [NANOSECONDS, 1]] as const) {
    const order = littleEndian ? "little" : "big";
    Deno.test(`next() reads ${order}-endian records with stamps of ${nsPerFraction} ns`, async () => {
      const file = buildPcap({ littleEndian, magic, linkType: 113 }, TWO_RECORDS);
      const reader = await openCapture(sourceOfBytes(file), "test");
      assertEquals(reader.format, "pcap");
      assertEquals(reader.t0EpochNs, undefined);
      assertEquals(reader.linkTypes, []);
      const timeNs = 2_000_000_000 - 999_998 * nsPerFraction;
      assertEquals(await readAll(reader), [
        { index: 0, bytes: patternBytes(60, 1), originalBytes: 60, timeNs: 0, linkType: 113 },
        { index: 1, bytes: patternBytes(54, 2), originalBytes: 1514, timeNs, linkType: 113 },
      ]);
      assertEquals(reader.t0EpochNs, 1_600_000_000_000_000_000n + 999_999n * BigInt(nsPerFraction));
      assertEquals(reader.linkTypes, [{ linkType: 113, packets: 2 }]);
      assertEquals(reader.warnings, []);
    });
  }
}

async function readBuilt(file: Uint8Array, windowBytes?: number) {
  const reader = await openCapture(sourceOfBytes(file), "built", windowBytes);
  return { packets: await readAll(reader), warnings: reader.warnings, reader };
}

Deno.test("next() gives negative times where stamps go back", async () => {
  const bytes = new Uint8Array(4);
  const file = buildPcap({}, [{ seconds: 10, fraction: 5, bytes }, { seconds: 8, fraction: 999_999, bytes }]);
  const { packets } = await readBuilt(file);
  assertEquals(packets[1]?.timeNs, -1_000_006_000);
});

Deno.test("next() keeps a fraction of more than a second and computes with it", async () => {
  const bytes = new Uint8Array(4);
  const records = [{ seconds: 10, fraction: 0, bytes }, { seconds: 10, fraction: 4_000_000_000, bytes }];
  const { packets, warnings } = await readBuilt(buildPcap({ magic: NANOSECONDS }, records));
  assertEquals(packets[1]?.timeNs, 4_000_000_000);
  assertEquals(warnings, []);
});

Deno.test("next() keeps a record whose original length is below its captured length", async () => {
  const record = { seconds: 0, fraction: 0, bytes: patternBytes(98, 1), originalLength: 10 };
  const { packets, warnings } = await readBuilt(buildPcap({}, [record]));
  assertEquals([packets[0]?.bytes.length, packets[0]?.originalBytes], [98, 10]);
  assertEquals(warnings, []);
});

Deno.test("next() takes the link type from the low 16 bits of its field", async () => {
  const record = { seconds: 0, fraction: 0, bytes: patternBytes(20, 1) };
  const { packets } = await readBuilt(buildPcap({ linkType: 0xf000_0001 }, [record]));
  assertEquals(packets[0]?.linkType, 1);
});

Deno.test("next() reads the swapped lengths of versions 2.2 and 2.3", async () => {
  const bytes = patternBytes(20, 1);
  const swapped = { seconds: 0, fraction: 0, bytes, capturedLength: 90, originalLength: 20 };
  for (const minorVersion of [2, 3]) {
    const { packets } = await readBuilt(buildPcap({ minorVersion }, [swapped, swapped]));
    assertEquals(packets.map((packet) => [packet.bytes, packet.originalBytes]), [[bytes, 90], [bytes, 90]]);
  }
});

Deno.test("fill() accepts a capture without packets", async () => {
  const { packets, warnings, reader } = await readBuilt(buildPcap({}, []));
  assertEquals(packets, []);
  assertEquals(warnings, []);
  assertEquals(await reader.fill(), false);
  assertEquals(reader.t0EpochNs, undefined);
});

Deno.test("fill() keeps the packets before a cut and warns once, wherever the cut is", async () => {
  const records = [60, 0, 54].map((length, index) => ({
    seconds: index,
    fraction: 0,
    bytes: patternBytes(length, index),
  }));
  const file = buildPcap({}, records);
  const ends = [24, 24 + 76, 24 + 76 + 16, 24 + 76 + 16 + 70];
  for (let cut = 24; cut <= file.length; cut++) {
    const { packets, warnings, reader } = await readBuilt(file.slice(0, cut));
    assertEquals(packets.length, ends.filter((end) => end <= cut).length - 1, `cut at ${cut}`);
    assertEquals(warnings.length, ends.includes(cut) ? 0 : 1, `cut at ${cut}`);
    assertEquals(await reader.fill(), false);
    assertEquals(reader.warnings.length, ends.includes(cut) ? 0 : 1, "a second end must not warn again");
  }
});

Deno.test("fill() says where a capture is cut off", async () => {
  const file = buildPcap({}, TWO_RECORDS);
  const insidePacket = await readBuilt(file.slice(0, file.length - 1));
  assertEquals(insidePacket.warnings, [
    "Cannot read built to its end: it ends inside a packet (53 of 54 bytes), after 1 packet, at byte 100",
  ]);
  const insideHeader = await readBuilt(file.slice(0, 108));
  assertEquals(insideHeader.warnings, [
    "Cannot read built to its end: it ends inside a record header (8 of 16 bytes), after 1 packet, at byte 100",
  ]);
});

Deno.test("fill() stops with one warning at a captured length above the limit", async () => {
  const damaged = { seconds: 0, fraction: 0, bytes: patternBytes(300_000, 1) };
  const file = buildPcap({ snaplen: 65535 }, [...TWO_RECORDS, damaged, ...TWO_RECORDS]);
  const { packets, warnings } = await readBuilt(file);
  assertEquals(packets.length, 2);
  assertEquals(warnings, [
    "Cannot read built to its end: a record claims 300000 captured bytes (the limit is 262144), " +
    "after 2 packets, at byte 170",
  ]);
});

Deno.test("fill() lets a file's own snaplen raise the limit, but not above the window", async () => {
  const long = { seconds: 0, fraction: 0, bytes: patternBytes(300_000, 1) };
  const raised = await readBuilt(buildPcap({ snaplen: 524288 }, [long]));
  assertEquals([raised.packets.length, raised.warnings.length], [1, 0]);
  const endless = { seconds: 0, fraction: 0, bytes: new Uint8Array(8), capturedLength: 0xffff_ffff };
  const refused = await readBuilt(buildPcap({ snaplen: 0xffff_ffff }, [endless]));
  assertEquals([refused.packets.length, refused.warnings.length], [0, 1]);
  assert(refused.warnings[0]?.includes("a record claims 4294967295 captured bytes (the limit is 4194288)"));
});

Deno.test("fill() leaves the window alone while a whole packet is waiting", async () => {
  const file = buildPcap({}, Array.from({ length: 10 }, () => TWO_RECORDS).flat());
  const reader = await openCapture(sourceOfBytes(file), "test", 500);
  const packet = new CapturePacket();
  assertEquals(await reader.fill(), true);
  assertEquals(reader.next(packet), true);
  const first = packet.bytes.slice(packet.offset, packet.offset + packet.capturedBytes);
  assertEquals(await reader.fill(), true);
  assertEquals(packet.bytes.slice(packet.offset, packet.offset + packet.capturedBytes), first);
  assertEquals(reader.next(packet), true);
  assertEquals(packet.index, 1);
});

Deno.test("next() gives packets contiguously from the one window, whatever straddles its end", async () => {
  const records = Array.from({ length: 200 }, (_, index) => ({
    seconds: index,
    fraction: 0,
    bytes: patternBytes(index * 37 % 400, index),
  }));
  const file = buildPcap({}, records);
  for (const windowBytes of [416, 417, 500, 1000, 4096]) {
    const { packets, warnings } = await readBuilt(file, windowBytes);
    assertEquals(packets.map((packet) => packet.bytes), records.map((record) => record.bytes));
    assertEquals(warnings, []);
  }
});

Deno.test("fill() reads the same from a source of one byte at a time", async () => {
  const file = buildPcap({}, TWO_RECORDS);
  const reader = await openCapture(sourceInSteps(file, [1]), "pipe");
  assertEquals(await readAll(reader), (await readBuilt(file)).packets);
  assertEquals(reader.warnings, []);
});

Deno.test("fill() reads the same packets however the source cuts its bytes", async () => {
  const record = fc.record({
    seconds: fc.nat(0xffff_ffff),
    fraction: fc.nat(0xffff_ffff),
    bytes: fc.uint8Array({ maxLength: 200 }),
    originalLength: fc.nat(0xffff_ffff),
  });
  const records = fc.array(record, { maxLength: 30 });
  const steps = fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1, maxLength: 20 });
  const windowBytes = fc.integer({ min: 216, max: 2000 });
  const cutBytes = fc.integer({ min: 0, max: 40 });
  await fc.assert(
    fc.asyncProperty(records, steps, windowBytes, cutBytes, async (records, steps, windowBytes, cutBytes) => {
      const whole = buildPcap({}, records);
      const file = whole.slice(0, Math.max(24, whole.length - cutBytes));
      const reader = await openCapture(sourceInSteps(file, steps), "built", windowBytes);
      const expected = await readBuilt(file);
      assertEquals(await readAll(reader), expected.packets);
      assertEquals(reader.warnings, expected.warnings);
    }),
    { numRuns: 300 },
  );
});
