import { assertEquals, assertThrows } from "@std/assert";
import * as fc from "fast-check";
import { sourceOfBytes } from "./byte_source.ts";
import { openCapture } from "./open.ts";
import { PcapWriter } from "./pcap_writer.ts";
import { buildPcap, patternBytes, readAll } from "./testing.ts";

const T0_EPOCH_NS = 1_600_000_000_999_999_998n;

class Collector {
  readonly chunks: Uint8Array[] = [];
  readonly sink = (bytes: Uint8Array): void => {
    this.chunks.push(bytes.slice());
  };
  get file(): Uint8Array {
    return new Uint8Array(this.chunks.flatMap((chunk) => Array.from(chunk)));
  }
}

Deno.test("PcapWriter writes a little-endian nanosecond file, field by field", () => {
  const collector = new Collector();
  const writer = new PcapWriter(collector.sink, 113, T0_EPOCH_NS);
  const memory = patternBytes(200, 1);
  writer.write(0, memory, 10, 60);
  writer.write(2, memory, 20, 40, 1514);
  writer.write(-1_999_999_999, memory, 0, 0);
  writer.flush();
  const expected = buildPcap({ magic: 0xa1b23c4d, linkType: 113 }, [
    { seconds: 1_600_000_000, fraction: 999_999_998, bytes: memory.slice(10, 70) },
    { seconds: 1_600_000_001, fraction: 0, bytes: memory.slice(20, 60), originalLength: 1514 },
    { seconds: 1_599_999_998, fraction: 999_999_999, bytes: new Uint8Array(0) },
  ]);
  assertEquals(collector.file, expected);
  assertEquals(writer.packets, 3);
});

Deno.test("PcapWriter.flush() writes the file header of a capture without packets, and once only", () => {
  const collector = new Collector();
  const writer = new PcapWriter(collector.sink, 1, 0n);
  writer.flush();
  writer.flush();
  assertEquals(collector.file, buildPcap({ magic: 0xa1b23c4d }, []));
  assertEquals(collector.chunks.length, 1);
});

Deno.test("PcapWriter hands over whole records only, so every chunk boundary is a valid end", async () => {
  const collector = new Collector();
  const writer = new PcapWriter(collector.sink, 1, T0_EPOCH_NS);
  const memory = patternBytes(262144, 1);
  for (let index = 0; index < 20; index++) writer.write(index, memory, index, 262144 - index * 13_000);
  writer.flush();
  assertEquals(collector.chunks.length > 3, true);
  for (let end = 1; end <= collector.chunks.length; end++) {
    const chunks = collector.chunks.slice(0, end);
    const file = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
    let offset = 0;
    for (const chunk of chunks) {
      file.set(chunk, offset);
      offset += chunk.length;
    }
    const reader = await openCapture(sourceOfBytes(file), "written");
    await readAll(reader);
    assertEquals(reader.warnings, []);
  }
});

Deno.test("PcapWriter.write() keeps the first 262144 bytes of a longer packet", async () => {
  const collector = new Collector();
  const writer = new PcapWriter(collector.sink, 1, 0n);
  writer.write(0, patternBytes(300_000, 1), 0, 300_000);
  writer.flush();
  const reader = await openCapture(sourceOfBytes(collector.file), "written");
  const [packet] = await readAll(reader);
  assertEquals([packet?.bytes.length, packet?.originalBytes], [262144, 300_000]);
});

Deno.test("PcapWriter.write() refuses a packet outside its array and a time outside pcap, and stays usable", () => {
  const collector = new Collector();
  const writer = new PcapWriter(collector.sink, 1, 1_000_000_000n);
  const memory = patternBytes(20, 1);
  assertThrows(() => writer.write(0, memory, 10, 11), RangeError, "Cannot write packet 0: 11 bytes from 10 on");
  assertThrows(() => writer.write(-1_000_000_001, memory, 0, 20), RangeError, "does not fit into pcap");
  assertThrows(() => writer.write(0.5, memory, 0, 20), RangeError, "does not fit into pcap");
  writer.write(-1_000_000_000, memory, 0, 20);
  writer.flush();
  assertEquals(collector.file, buildPcap({ magic: 0xa1b23c4d }, [{ seconds: 0, fraction: 0, bytes: memory }]));
});

Deno.test("PcapWriter then openCapture() is the identity", async () => {
  const packet = fc.record({
    timeNs: fc.integer({ min: -(2 ** 52), max: 2 ** 52 }),
    bytes: fc.uint8Array({ maxLength: 300 }),
    cutBytes: fc.nat(70_000),
  });
  const packets = fc.array(packet, { minLength: 1, maxLength: 40 });
  const t0EpochNs = fc.bigInt({ min: 2n ** 60n, max: 2n ** 61n });
  await fc.assert(
    fc.asyncProperty(packets, t0EpochNs, fc.nat(0xffff), async (packets, t0EpochNs, linkType) => {
      const collector = new Collector();
      const writer = new PcapWriter(collector.sink, linkType, t0EpochNs);
      for (const { timeNs, bytes, cutBytes } of packets) {
        writer.write(timeNs, bytes, 0, bytes.length, bytes.length + cutBytes);
      }
      writer.flush();
      const reader = await openCapture(sourceOfBytes(collector.file), "written");
      const read = await readAll(reader);
      const firstNs = packets[0]?.timeNs ?? 0;
      assertEquals(reader.t0EpochNs, t0EpochNs + BigInt(firstNs));
      assertEquals(
        read.map(({ timeNs, bytes, originalBytes }) => ({ timeNs, bytes, cutBytes: originalBytes - bytes.length })),
        packets.map((packet) => ({ ...packet, timeNs: packet.timeNs - firstNs })),
      );
      assertEquals(reader.warnings, []);
      assertEquals(reader.linkTypes, [{ linkType, packets: packets.length }]);
    }),
    { numRuns: 300 },
  );
});
