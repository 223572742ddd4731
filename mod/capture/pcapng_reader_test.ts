import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import * as fc from "fast-check";
import { sourceOfBytes } from "./byte_source.ts";
import { CaptureError } from "./errors.ts";
import { openCapture } from "./open.ts";
import { CapturePacket } from "./packet.ts";
import type { CaptureReader } from "./reader.ts";
import { patternBytes, type PlainPacket, readAll, sourceInSteps } from "./testing.ts";
import { nameOption, PcapngBuilder, resolutionOption } from "./testing_pcapng.ts";

interface Reading {
  readonly packets: PlainPacket[];
  readonly warnings: readonly string[];
  readonly reader: CaptureReader;
}

async function read(file: Uint8Array | PcapngBuilder, windowBytes?: number): Promise<Reading> {
  const bytes = file instanceof PcapngBuilder ? file.bytes : file;
  const reader = await openCapture(sourceOfBytes(bytes), "built", windowBytes);
  return { packets: await readAll(reader), warnings: reader.warnings, reader };
}

const times = ({ packets }: Reading): number[] => packets.map(({ timeNs }) => timeNs);
const numbered = (seed: number): Uint8Array => patternBytes(40 + seed, seed);
const SECOND = 1_000_000n;

for (const littleEndian of [true, false]) {
  const order = littleEndian ? "little" : "big";

  Deno.test(`next() reads enhanced, simple and obsolete packets of a ${order}-endian section`, async () => {
    const file = new PcapngBuilder(littleEndian).section().describe({ linkType: 113 })
      .enhanced({ bytes: numbered(1), stamp: 1600000000n * SECOND, options: [[1, numbered(5)]] })
      .obsolete({ bytes: numbered(2), stamp: 1600000001n * SECOND + 3n, originalLength: 1514 })
      .simple(numbered(3))
      .enhanced({ bytes: numbered(4), stamp: 1599999999n * SECOND, originalLength: 10 });
    const { packets, warnings, reader } = await read(file);
    assertEquals(packets, [
      { index: 0, bytes: numbered(1), originalBytes: 41, timeNs: 0, linkType: 113 },
      { index: 1, bytes: numbered(2), originalBytes: 1514, timeNs: 1_000_003_000, linkType: 113 },
      { index: 2, bytes: numbered(3), originalBytes: 43, timeNs: 1_000_003_000, linkType: 113 },
      { index: 3, bytes: numbered(4), originalBytes: 10, timeNs: -1_000_000_000, linkType: 113 },
    ]);
    assertEquals([reader.format, warnings], ["pcapng", []]);
    assertEquals(reader.t0EpochNs, 1_600_000_000_000_000_000n);
    assertEquals(reader.linkTypes, [{ linkType: 113, packets: 4 }]);
  });

  Deno.test(`next() reads if_tsresol and if_tsoffset of a ${order}-endian section`, async () => {
    const file = new PcapngBuilder(littleEndian).section();
    file.describe({ options: [nameOption("ns"), resolutionOption(9)] })
      .describe({ options: [resolutionOption(0x80 + 10), file.offsetOption(1000)] })
      .describe({ options: [file.offsetOption(-5)] })
      .enhanced({ bytes: numbered(1), stamp: 1_000_000_000_001n })
      .enhanced({ bytes: numbered(2), stamp: 513n, interfaceId: 1 })
      .enhanced({ bytes: numbered(3), stamp: 1005n * SECOND + 1n, interfaceId: 2 });
    const reading = await read(file);
    assertEquals(times(reading), [0, Math.floor(513 * 1e9 / 1024) - 1, 999]);
    assertEquals(reading.reader.t0EpochNs, 1_000_000_000_001n);
  });
}

Deno.test("next() gives every packet the link type and the unit of its interface, which each section numbers anew", async () => {
  const file = new PcapngBuilder(true).section().describe({ options: [nameOption("eth0")] })
    .describe({ linkType: 101, snaplen: 0, options: [nameOption("tun0"), resolutionOption(9)] })
    .enhanced({ bytes: numbered(1), stamp: 5n * SECOND, interfaceId: 0 })
    .enhanced({ bytes: numbered(2), stamp: 6_000_000_001n, interfaceId: 1 })
    .section(false).describe({ linkType: 276, options: [resolutionOption(3)] })
    .enhanced({ bytes: numbered(3), stamp: 7000n })
    .section(true).describe({ linkType: 101 })
    .enhanced({ bytes: numbered(4), stamp: 8n * SECOND });
  const { packets, reader, warnings } = await read(file);
  assertEquals(packets.map(({ linkType, timeNs }) => [linkType, timeNs]), [
    [1, 0],
    [101, 1_000_000_001],
    [276, 2_000_000_000],
    [101, 3_000_000_000],
  ]);
  assertEquals(packets.map(({ bytes }) => bytes), [1, 2, 3, 4].map(numbered));
  assertEquals(reader.linkTypes, [{ linkType: 1, packets: 1 }, { linkType: 101, packets: 2 }, {
    linkType: 276,
    packets: 1,
  }]);
  assertEquals(reader.interfaces.map(({ name, linkType, snaplenBytes }) => [name, linkType, snaplenBytes]), [
    ["eth0", 1, 262144],
    ["tun0", 101, 0],
    ["", 276, 262144],
    ["", 101, 262144],
  ]);
  assertEquals(warnings, []);
});

Deno.test("linkTypes lists link types in order of their packets, those without packets not at all", async () => {
  const file = new PcapngBuilder().section().describe({ linkType: 1 }).describe({ linkType: 113 }).describe({
    linkType: 9,
  })
    .enhanced({ bytes: numbered(1), interfaceId: 2 }).enhanced({ bytes: numbered(1), interfaceId: 0 });
  const { reader } = await read(file);
  assertEquals(reader.linkTypes, [{ linkType: 9, packets: 1 }, { linkType: 1, packets: 1 }]);
});

Deno.test("next() gives a simple packet the time of the one before, and 0 where there is none", async () => {
  const simple = new PcapngBuilder().section().describe().simple(numbered(1)).simple(numbered(2));
  const without = await read(simple);
  assertEquals([times(without), without.reader.t0EpochNs], [[0, 0], undefined]);
  const stamped = simple.enhanced({ bytes: numbered(3), stamp: 9n * SECOND })
    .enhanced({ bytes: numbered(3), stamp: 11n * SECOND }).simple(numbered(4));
  const reading = await read(stamped);
  assertEquals([times(reading), reading.reader.t0EpochNs], [[0, 0, 0, 2e9, 2e9], 9_000_000_000n]);
});

Deno.test("next() cuts a simple packet by the snaplen of the first interface", async () => {
  const file = new PcapngBuilder().section().describe({ snaplen: 30 }).simple(numbered(0).subarray(0, 30), 1514);
  const [packet] = (await read(file)).packets;
  assertEquals([packet?.bytes, packet?.originalBytes], [numbered(0).subarray(0, 30), 1514]);
});

Deno.test("next() keeps stamps of centuries apart, and stamps that go back", async () => {
  const stamps = [4_294_967_296n, 0n, 253_402_300_800n].map((seconds) => seconds * SECOND);
  const file = new PcapngBuilder().section().describe();
  for (const stamp of stamps) file.enhanced({ bytes: numbered(1), stamp });
  const reading = await read(file);
  assertEquals(times(reading), [0, -4_294_967_296e9, 249_107_333_504e9]);
  assertEquals(reading.reader.t0EpochNs, 4_294_967_296_000_000_000n);
});

Deno.test("fill() skips blocks of unknown types, also between packets and larger than the window", async () => {
  for (const blockBytes of [0, 4, 400, 5000]) {
    const unknown = new Uint8Array(blockBytes).fill(6);
    const file = new PcapngBuilder().block(0x0bad, unknown); // Between sections nothing else would be skipped.
    const whole = new PcapngBuilder().section().block(4, unknown).describe().block(5, unknown)
      .enhanced({ bytes: numbered(1) }).raw(file.bytes).enhanced({ bytes: numbered(2) }).block(0x80000001, unknown);
    const { packets, warnings } = await read(whole, 1000);
    assertEquals([packets.map(({ bytes }) => bytes), warnings], [[numbered(1), numbered(2)], []]);
  }
});

Deno.test("fill() reads the options of a section header over, and refuses one larger than the window", async () => {
  for (const [optionBytes, packets] of [[0, 2], [800, 2], [3000, 1]] as const) {
    const file = new PcapngBuilder(true).section().describe().enhanced({ bytes: numbered(1) });
    const head = new PcapngBuilder(false).section().bytes.subarray(8, 24);
    file.raw(new PcapngBuilder(false).block(0x0a0d0d0a, head, new Uint8Array(optionBytes)).bytes)
      .raw(new PcapngBuilder(false).describe({ linkType: 9 }).enhanced({ bytes: numbered(2) }).bytes);
    const reading = await read(file, 1000);
    assertEquals(reading.packets.map(({ linkType }) => linkType), [1, 9].slice(0, packets));
    const limit = "a block claims 3028 bytes (the limit is 1000), after 1 packet";
    assertEquals(reading.warnings.map((warning) => warning.includes(limit)), packets === 2 ? [] : [true]);
  }
});

Deno.test("fill() accepts a section without packets, and one without interfaces", async () => {
  for (const file of [new PcapngBuilder().section(), new PcapngBuilder().section().describe().section()]) {
    const { packets, warnings, reader } = await read(file);
    assertEquals([packets, warnings, reader.t0EpochNs, reader.linkTypes], [[], [], undefined, []]);
    assertEquals(await reader.fill(), false);
  }
});

/** A good section with one packet, then what is damaged, then a packet that must not be read. */
function damagedBy(damage: (file: PcapngBuilder) => PcapngBuilder): PcapngBuilder {
  const file = new PcapngBuilder().section().describe().enhanced({ bytes: numbered(0) });
  return damage(file).describe().enhanced({ bytes: numbered(1) });
}

/** A block of 40 bytes in all, with its two lengths as given. */
function blockOf(type: number, length: number, trailer: number): Uint8Array {
  const bytes = new PcapngBuilder().block(type, new Uint8Array(28)).bytes;
  const view = new DataView(bytes.buffer);
  view.setUint32(4, length, true);
  view.setUint32(36, trailer, true);
  return bytes;
}

const DAMAGE: readonly [what: string, file: PcapngBuilder, reason: string][] = [
  [
    "a block length of 0",
    damagedBy((file) => file.raw(blockOf(6, 0, 40))),
    "a block has an impossible length (0 bytes)",
  ],
  ["a block length of 8", damagedBy((file) => file.raw(blockOf(99, 8, 40))), "an impossible length (8 bytes)"],
  ["a block length of 42", damagedBy((file) => file.raw(blockOf(99, 42, 42))), "an impossible length (42 bytes)"],
  ["an enhanced packet of 28 bytes", damagedBy((file) => file.raw(blockOf(6, 28, 28))), "impossible length (28 bytes)"],
  ["an obsolete packet of 28 bytes", damagedBy((file) => file.raw(blockOf(2, 28, 28))), "impossible length (28 bytes)"],
  ["a simple packet of 12 bytes", damagedBy((file) => file.raw(blockOf(3, 12, 12))), "impossible length (12 bytes)"],
  ["an interface of 16 bytes", damagedBy((file) => file.raw(blockOf(1, 16, 16))), "impossible length (16 bytes)"],
  [
    "a packet of 4 GiB",
    damagedBy((file) => file.raw(blockOf(6, 0xfffffffc, 40))),
    "a block claims 4294967292 bytes (the limit is 4194304)",
  ],
  [
    "an unknown block of 4 GiB",
    damagedBy((file) => file.raw(blockOf(99, 0xfffffffc, 40))),
    "it ends inside a block (136 of 4294967292 bytes), after 1 packet, at byte 120",
  ],
  [
    "a length that differs at the end",
    damagedBy((file) => file.raw(blockOf(99, 40, 44))),
    "a block begins with length 40 and ends with 44",
  ],
  [
    "a packet of an interface that is not there",
    damagedBy((file) => file.enhanced({ bytes: numbered(1), interfaceId: 1 })),
    "a packet is of interface 1, and 1 are described",
  ],
  [
    "a packet of interface 4294967295",
    damagedBy((file) => file.enhanced({ bytes: numbered(1), interfaceId: 0xffffffff })),
    "a packet is of interface 4294967295, and 1 are described",
  ],
  [
    "a packet of an interface of the section before",
    damagedBy((file) => file.section().enhanced({ bytes: numbered(1) })),
    "a packet is of interface 0, and 0 are described",
  ],
  [
    "a simple packet without an interface",
    damagedBy((file) => file.section().simple(numbered(1))),
    "a packet is of interface 0, and 0 are described",
  ],
  [
    "a captured length above that of the block",
    damagedBy((file) => file.enhanced({ bytes: numbered(4), capturedLength: 45 })),
    "a packet claims 45 captured bytes in a block of 76",
  ],
  [
    "a simple packet longer than its block",
    damagedBy((file) => file.simple(numbered(4), 45)),
    "a packet claims 45 captured bytes in a block of 60",
  ],
  [
    "a second section of version 2.0",
    damagedBy((file) => file.section(false, [2, 0])),
    "its pcapng version is 2.0, and only 1.x is known",
  ],
  [
    "a second section without byte-order magic",
    damagedBy((file) => file.block(0x0a0d0d0a, new Uint8Array(20))),
    "a pcapng section header has no byte-order magic",
  ],
  [
    "an option longer than its block",
    damagedBy((file) => file.block(1, new Uint8Array(8), Uint8Array.of(2, 0, 5, 0, 1, 2, 3, 4))),
    "an option of an interface is longer than its block",
  ],
];

for (const [what, file, reason] of DAMAGE) {
  Deno.test(`fill() stops with one warning at ${what}`, async () => {
    const { packets, warnings, reader } = await read(file);
    assertEquals([packets.length, warnings.length], [1, 1]);
    assertEquals(warnings[0]!.startsWith("Cannot read built to its end: "), true);
    assertEquals(warnings[0]!.includes(reason), true, warnings[0]);
    assertEquals(warnings[0]!.includes(", after 1 packet, at byte "), true);
    assertEquals([await reader.fill(), reader.warnings.length], [false, 1]);
  });
}

Deno.test("fill() compares the lengths of a block larger than the window, too", async () => {
  const whole = new PcapngBuilder().block(99, new Uint8Array(5000)).bytes;
  whole[whole.length - 4]! ^= 4;
  const { packets, warnings } = await read(damagedBy((file) => file.raw(whole)), 1000);
  assertEquals([packets.length, warnings], [1, [
    "Cannot read built to its end: a block begins with length 5012 and ends with 5008, after 1 packet, at byte 120",
  ]]);
});

Deno.test("fill() lets options of an interface count as absent that have not their length", async () => {
  const file = new PcapngBuilder().section()
    .describe({ options: [[9, Uint8Array.of(9, 9)], [14, new Uint8Array(4)], [0x1234, numbered(1)]] })
    .enhanced({ bytes: numbered(1), stamp: SECOND }).enhanced({ bytes: numbered(1), stamp: 2n * SECOND });
  assertEquals(times(await read(file)), [0, 1e9]);
});

Deno.test("fill() keeps the packets before a cut and warns once, wherever the cut is", async () => {
  const file = new PcapngBuilder().section().describe({ options: [nameOption("eth0")] });
  const ends = [file.bytes.length];
  ends.unshift(new PcapngBuilder().section().bytes.length);
  for (let index = 0; index < 3; index++) ends.push(file.enhanced({ bytes: numbered(index) }).bytes.length);
  ends.push(file.section(false).bytes.length);
  const { bytes } = file;
  for (let cut = ends[0]!; cut <= bytes.length; cut++) {
    const { packets, warnings } = await read(bytes.slice(0, cut));
    assertEquals(packets.length, ends.slice(2, 5).filter((end) => end <= cut).length, `cut at ${cut}`);
    assertEquals(warnings.length, ends.includes(cut) ? 0 : 1, `cut at ${cut}`);
  }
  for (let cut = 4; cut < ends[0]!; cut++) {
    await assertRejects(() => read(bytes.slice(0, cut)), CaptureError, "Cannot read built: it ends inside a block");
  }
});

Deno.test("fill() judges a block by the limit, not by how long the window has grown", async () => {
  const file = new PcapngBuilder().section().describe().enhanced({ bytes: new Uint8Array(100_000) });
  const { warnings } = await read(file.bytes.slice(0, 1000));
  assertMatch(warnings[0]!, /it ends inside a block \(\d+ of 100032 bytes\)/);
});

Deno.test("openCapture() refuses a pcapng file without one good section header", async () => {
  const good = new PcapngBuilder().section().bytes;
  const damaged = (at: number, value: number): Uint8Array => {
    const bytes = good.slice();
    bytes[at] = value;
    return bytes;
  };
  await assertRejects(() => read(damaged(8, 0)), CaptureError, "Cannot read built: a pcapng section header has no");
  await assertRejects(() => read(damaged(12, 0)), CaptureError, "its pcapng version is 0.0, and only 1.x is known");
  await assertRejects(() => read(damaged(4, 24)), CaptureError, "a block has an impossible length (24 bytes)");
  await assertRejects(() => read(damaged(24, 24)), CaptureError, "a block begins with length 28 and ends with 24");
  assertEquals((await read(damaged(14, 2))).warnings, [], "Version 1.2 is written by some tools.");
});

Deno.test("fill() leaves the window alone while a whole packet is waiting", async () => {
  const file = new PcapngBuilder().section().describe();
  for (let index = 0; index < 20; index++) file.enhanced({ bytes: numbered(index) });
  const reader = await openCapture(sourceOfBytes(file.bytes), "built", 500);
  const packet = new CapturePacket();
  assertEquals([await reader.fill(), reader.next(packet)], [true, true]);
  const first = packet.bytes.slice(packet.offset, packet.offset + packet.capturedBytes);
  assertEquals(await reader.fill(), true);
  assertEquals(packet.bytes.slice(packet.offset, packet.offset + packet.capturedBytes), first);
  assertEquals([reader.next(packet), packet.index], [true, 1]);
});

/** Any file of several sections with packets of all kinds, and blocks to be skipped. */
const anyFile = fc.array(
  fc.record({
    kind: fc.constantFrom("section", "describe", "enhanced", "enhanced", "obsolete", "simple", "unknown"),
    littleEndian: fc.boolean(),
    bytes: fc.uint8Array({ maxLength: 150 }),
    stamp: fc.bigInt({ min: 0n, max: (1n << 64n) - 1n }),
    resolution: fc.nat(255),
    linkType: fc.nat(300),
  }),
  { maxLength: 25 },
).map((blocks) => {
  const file = new PcapngBuilder().section().describe();
  for (const { kind, littleEndian, bytes, stamp, resolution, linkType } of blocks) {
    if (kind === "section") file.section(littleEndian).describe({ linkType });
    if (kind === "describe") file.describe({ linkType, options: [resolutionOption(resolution)] });
    if (kind === "enhanced") file.enhanced({ bytes, stamp });
    if (kind === "obsolete") file.obsolete({ bytes, stamp });
    if (kind === "simple") file.simple(bytes);
    if (kind === "unknown") file.block(4, new Uint8Array(bytes.length * 4));
  }
  return file.bytes;
});
const steps = fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1, maxLength: 20 });

Deno.test("fill() reads the same packets however the source cuts its bytes, whatever the window", async () => {
  const windowBytes = fc.integer({ min: 200, max: 2000 });
  await fc.assert(
    fc.asyncProperty(anyFile, steps, windowBytes, fc.nat(40), async (whole, steps, windowBytes, cutBytes) => {
      const file = whole.slice(0, Math.max(28, whole.length - cutBytes));
      const reader = await openCapture(sourceInSteps(file, steps), "built", windowBytes);
      const expected = await read(file);
      assertEquals(await readAll(reader), expected.packets);
      assertEquals([reader.warnings, reader.interfaces], [expected.warnings, expected.reader.interfaces]);
    }),
    { numRuns: 300 },
  );
});

Deno.test("openCapture() and the reader throw nothing but CaptureError on any damage to a pcapng file, and end", async () => {
  const changes = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 });
  await fc.assert(
    fc.asyncProperty(anyFile, changes, async (file, changes) => {
      for (const [at, value] of changes) file[at % file.length] = value;
      try {
        const { packets, warnings } = await read(file, 1024);
        assertEquals(warnings.length <= 1, true);
        for (const { timeNs, bytes } of packets) {
          assertEquals([Number.isFinite(timeNs), bytes.length < 1024], [true, true]);
        }
      } catch (error) {
        if (!(error instanceof CaptureError)) throw error;
      }
    }),
    { numRuns: 2000 },
  );
});
