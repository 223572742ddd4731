import { assertEquals, assertRejects } from "@std/assert";
import * as fc from "fast-check";
import { type ByteSource, sourceOfBytes } from "./byte_source.ts";
import { CaptureError } from "./errors.ts";
import { GunzipSource } from "./gunzip.ts";
import { openCapture } from "./open.ts";
import { CapturePacket } from "./packet.ts";
import { buildPcap, patternBytes, readAll, sourceInSteps } from "./testing.ts";
import { PcapngBuilder } from "./testing_pcapng.ts";
import { SlidingWindow } from "./window.ts";

const DAMAGED = "its gzip data is cut off, damaged or followed by other data";

async function gzip(bytes: Uint8Array): Promise<Uint8Array> {
  const packed = new Response(bytes.slice()).body!.pipeThrough(new CompressionStream("gzip"));
  return new Uint8Array(await new Response(packed).arrayBuffer());
}

/** Bytes that deflate cannot shorten. */
function noise(length: number): Uint8Array {
  let state = 1;
  return Uint8Array.from({ length }, () => (state = Math.imul(state, 1664525) + 1013904223) >>> 24);
}

function capture(packets: number, packetBytes: number): Uint8Array {
  const bytes = noise(packets * packetBytes);
  const records = Array.from({ length: packets }, (_, index) => ({
    seconds: index,
    fraction: 0,
    bytes: bytes.subarray(index * packetBytes, (index + 1) * packetBytes),
  }));
  return buildPcap({}, records);
}

async function read(file: Uint8Array) {
  const reader = await openCapture(sourceOfBytes(file), "x.gz");
  return { packets: await readAll(reader), warnings: reader.warnings, format: reader.format };
}

const PCAP = capture(200, 1000);
const PCAPNG = new PcapngBuilder().section().describe().enhanced({ bytes: patternBytes(60, 1) }).bytes;

Deno.test("openCapture() reads any capture inside gzip as it reads it without", async () => {
  for (const file of [PCAP, PCAPNG, buildPcap({}, [])]) {
    assertEquals(await read(await gzip(file)), await read(file));
  }
});

Deno.test("openCapture() refuses gzip of what is no capture, and says what it is", async () => {
  const refused: [inside: Uint8Array, message: string][] = [
    [new Uint8Array(0), "Cannot read x.gz: unpacked with gzip, it is empty (0 bytes)"],
    [new TextEncoder().encode("hello, world\n"), "Cannot read x.gz: unpacked with gzip, it is text, not a capture"],
    [await gzip(PCAP), "Cannot read x.gz: unpacked with gzip, it is compressed with gzip once more; unpack it first"],
    [PCAP.subarray(0, 23), "Cannot read x.gz: its pcap header is cut off (23 of 24 bytes)"],
    [PCAPNG.subarray(0, 20), "Cannot read x.gz: it ends inside a block (20 of 28 bytes)"],
  ];
  for (const [inside, message] of refused) {
    const packed = await gzip(inside);
    await assertRejects(() => read(packed), CaptureError, message);
  }
});

Deno.test("openCapture() refuses gzip that is damaged from its beginning", async () => {
  for (const head of [[0x1f, 0x8b], [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3], [0x1f, 0x8b, 9, 0, 0, 0, 0, 0, 0, 3, 1, 1]]) {
    await assertRejects(() => read(Uint8Array.from(head)), CaptureError, `Cannot read x.gz: ${DAMAGED}`);
  }
});

Deno.test("fill() keeps the packets before the damage of gzip data, with one warning", async () => {
  const packed = await gzip(PCAP);
  const cut = await read(packed.subarray(0, packed.length - 50_000));
  assertEquals(cut.packets.length > 145 && cut.packets.length <= 150, true, String(cut.packets.length));
  const at = 24 + cut.packets.length * 1016;
  assertEquals(cut.warnings, [
    `Cannot read x.gz to its end: ${DAMAGED}, after ${cut.packets.length} packets, at byte ${at}`,
  ]);
  const wrongSum = packed.slice();
  wrongSum[packed.length - 8]! ^= 1;
  const summed = await read(wrongSum);
  assertEquals([summed.packets.length, summed.warnings.length], [200, 1]);
  const several = await read(Uint8Array.from([...packed, ...packed]));
  assertEquals(several.packets.length > 180 && several.packets.length <= 200, true);
  assertEquals(several.warnings.length, 1);
  const block = Uint8Array.from([...await gzip(PCAPNG), ...noise(100)]);
  await assertRejects(() => read(block), CaptureError, DAMAGED);
});

Deno.test("fill() says of damaged gzip data inside pcapng what it is", async () => {
  const file = new PcapngBuilder().section().describe();
  for (let index = 0; index < 60; index++) file.enhanced({ bytes: patternBytes(1000, index) });
  const packed = await gzip(file.block(4, noise(60_000)).bytes);
  const { packets, warnings } = await read(packed.subarray(0, packed.length - 100));
  assertEquals([packets.length, warnings.length, warnings[0]?.includes(DAMAGED)], [60, 1, true]);
});

Deno.test("fill() tells a source that fails from gzip data that is damaged", async () => {
  const packed = await gzip(capture(1000, 1000));
  let given = 0;
  const source: ByteSource = {
    read(into) {
      if (given > packed.length / 2) return Promise.reject(new Error("the disk is gone"));
      const part = packed.subarray(given, given + Math.min(into.length, 10_000));
      into.set(part);
      given += part.length;
      return Promise.resolve(part.length);
    },
  };
  const reader = await openCapture(source, "x.gz", 20_000);
  const message = /^Cannot read x\.gz: the disk is gone, at byte \d+$/;
  const error = await assertRejects(() => readAll(reader), CaptureError);
  assertEquals(message.test(error.message), true, error.message);
});

Deno.test("fill() reads no more of a gzip source than its windows need", async () => {
  const packed = await gzip(capture(4000, 1000));
  let given = 0;
  const whole = sourceInSteps(packed, [1000]);
  const source: ByteSource = {
    async read(into) {
      const bytes = await whole.read(into);
      given += bytes ?? 0;
      return bytes;
    },
  };
  const windowBytes = 50_000;
  const reader = await openCapture(source, "x.gz", windowBytes);
  const packet = new CapturePacket();
  let packets = 0;
  while (await reader.fill()) {
    while (reader.next(packet)) packets++;
    // Two windows, one piece on its way and one in the decompressor; and nothing while nobody asks.
    assertEquals(given <= packets * 1016 + 2 * windowBytes + (1 << 15), true, `${given} bytes after ${packets}`);
    const before = given;
    await new Promise((resolve) => setTimeout(resolve, 0));
    assertEquals(given, before);
  }
  assertEquals(packets, 4000);
});

Deno.test("GunzipSource.read() fills what it is given as far as there are bytes", async () => {
  const window = new SlidingWindow(sourceOfBytes(await gzip(PCAP)), "x.gz");
  const source = new GunzipSource(window);
  const into = new Uint8Array(120_000);
  assertEquals([await source.read(into), into], [into.length, PCAP.subarray(0, into.length)]);
  assertEquals(await source.read(into), PCAP.length - into.length);
  assertEquals([await source.read(into), await source.read(into), source.damage], [null, null, undefined]);
});

Deno.test("fill() reads gzip the same however the source cuts its bytes", async () => {
  const packed = await gzip(PCAP);
  const expected = await read(PCAP);
  const steps = fc.array(fc.integer({ min: 100, max: 30_000 }), { minLength: 1, maxLength: 5 });
  await fc.assert(
    fc.asyncProperty(steps, fc.integer({ min: 1100, max: 50_000 }), async (steps, windowBytes) => {
      const reader = await openCapture(sourceInSteps(packed, steps), "x.gz", windowBytes);
      assertEquals([await readAll(reader), reader.warnings], [expected.packets, []]);
    }),
    { numRuns: 30 },
  );
});
