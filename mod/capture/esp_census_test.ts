import { assertEquals } from "@std/assert";
import * as fc from "fast-check";
import { FrameFacts } from "../wire/frame_facts.ts";
import { EspCensus, type EspContents, type EspSaSummary, FOLLOWED_SAS } from "./esp_census.ts";
import { CapturePacket } from "./packet.ts";
import { buildFrame, type FrameFields } from "./testing_frames.ts";

/** Adds an Ethernet frame of which `missingBytes` were not captured, at an odd place in a larger array. */
function addTo(census: EspCensus, frame: Uint8Array, missingBytes: number = 0): void {
  const packet = new CapturePacket();
  packet.capturedBytes = frame.length - missingBytes;
  packet.bytes = new Uint8Array(3 + frame.length).fill(0xa5);
  packet.bytes.set(frame.subarray(0, packet.capturedBytes), 3);
  packet.offset = 3;
  packet.originalBytes = frame.length;
  packet.linkType = 1;
  const facts = new FrameFacts();
  facts.read(packet.bytes, 3, packet.capturedBytes, frame.length, 1);
  if (facts.isIp) census.add(facts, packet);
}

const wordOf = (word: number): number[] => [24, 16, 8, 0].map((shift) => (word >>> shift) & 0xff);

/** ESP of 60 bytes. */
function espOf(spi: number, sequence: number): number[] {
  return [...wordOf(spi), ...wordOf(sequence), ...Array<number>(52).fill(0xee)];
}

function esp(spi: number, sequence: number, fields: FrameFields = {}): Uint8Array {
  return buildFrame({ protocol: 50, payload: espOf(spi, sequence), ...fields });
}

function natTraversal(payload: readonly number[], fields: FrameFields = {}): Uint8Array {
  return buildFrame({ protocol: 17, sourcePort: 4500, destinationPort: 4500, payload, ...fields });
}

function contentsOf(...frames: Uint8Array[]): EspContents {
  const census = new EspCensus();
  for (const frame of frames) addTo(census, frame);
  return census.contents();
}

function sequencesOf(spi: number, ...sequences: number[]): EspSaSummary {
  return contentsOf(...sequences.map((sequence) => esp(spi, sequence))).sas[0]!;
}

Deno.test("EspCensus lists SAs by addresses, SPI and encapsulation, in order of first appearance", () => {
  const { sas, packetsOfOtherSas } = contentsOf(
    esp(0xfffffffe, 7),
    esp(0xfffffffe, 1, { ipVersion: 6 }),
    natTraversal(espOf(0xfffffffe, 3)),
    esp(0xfffffffe, 9, { source: [192, 0, 2, 2], destination: [192, 0, 2, 1] }),
    esp(1, 0xffffffff),
    esp(0xfffffffe, 8),
  );
  assertEquals(packetsOfOtherSas, 0);
  const described = sas.map((sa) => [sa.source, sa.destination, sa.spi, sa.encapsulation, sa.packets, sa.bytes]);
  assertEquals(described, [
    ["192.0.2.1", "192.0.2.2", 0xfffffffe, "ip", 2, 120],
    ["2001:db8::1", "2001:db8::2", 0xfffffffe, "ip", 1, 60],
    ["192.0.2.1", "192.0.2.2", 0xfffffffe, "udp", 1, 60],
    ["192.0.2.2", "192.0.2.1", 0xfffffffe, "ip", 1, 60],
    ["192.0.2.1", "192.0.2.2", 1, "ip", 1, 60],
  ]);
  assertEquals([sas[0]?.firstSequence, sas[0]?.lastSequence, sas[4]?.lastSequence], [7, 8, 0xffffffff]);
});

Deno.test("EspCensus counts gaps, and packets that come late or twice", () => {
  const counts = (...sequences: number[]) => {
    const { firstSequence, lastSequence, gaps, late } = sequencesOf(5, ...sequences);
    return { firstSequence, lastSequence, gaps, late };
  };
  assertEquals(counts(10, 11, 12), { firstSequence: 10, lastSequence: 12, gaps: 0, late: 0 });
  assertEquals(counts(10, 12, 19, 20), { firstSequence: 10, lastSequence: 20, gaps: 2, late: 0 });
  assertEquals(counts(10, 12, 11, 13), { firstSequence: 10, lastSequence: 13, gaps: 1, late: 1 });
  assertEquals(counts(10, 10, 11), { firstSequence: 10, lastSequence: 11, gaps: 0, late: 1 });
  assertEquals(counts(10, 12, 11), { firstSequence: 10, lastSequence: 11, gaps: 1, late: 1 });
});

Deno.test("EspCensus follows extended sequence numbers over the end of their low 32 bits", () => {
  const { firstSequence, lastSequence, gaps, late } = sequencesOf(5, 0xfffffffe, 0xffffffff, 0, 1, 0xffffffff, 4);
  assertEquals([firstSequence, lastSequence, gaps, late], [0xfffffffe, 4, 1, 1]);
});

Deno.test("EspCensus tells ESP in UDP from IKE, keepalives and other ports", () => {
  const spis = (...frames: Uint8Array[]) => contentsOf(...frames).sas.map(({ spi }) => spi);
  assertEquals(spis(natTraversal(espOf(0, 1))), [], "Four zero bytes are the marker of IKE.");
  assertEquals(spis(natTraversal([0xff])), []);
  assertEquals(spis(natTraversal(espOf(0x100, 1).slice(0, 7))), []);
  assertEquals(spis(natTraversal(espOf(0x100, 1), { destinationPort: 1024 })), [0x100]);
  assertEquals(spis(natTraversal(espOf(0x100, 1), { sourcePort: 1024 })), [0x100]);
  assertEquals(spis(natTraversal(espOf(0x100, 1), { sourcePort: 1024, destinationPort: 1025 })), []);
  assertEquals(spis(natTraversal(espOf(0x100, 1), { protocol: 6 })), []);
  assertEquals(spis(natTraversal(espOf(0x100, 1), { ipVersion: 6 })), [0x100]);
  assertEquals(spis(esp(0, 1)), [0], "Directly over IP it is an SPI like others.");
});

Deno.test("EspCensus counts ESP behind extension headers, padding and keepalives left out", () => {
  const options = [50, 0, 1, 4, 0, 0, 0, 0];
  const frame = esp(0x100, 1, { ipVersion: 6, nextHeader: 60, extensions: options, paddingBytes: 9 });
  assertEquals(contentsOf(frame).sas.map(({ spi, bytes }) => [spi, bytes]), [[0x100, 60]]);
});

Deno.test("EspCensus counts the first fragment only, and no ESP header that is not all there", () => {
  assertEquals(contentsOf(esp(0x100, 1, { fragmentWord: 0x2000 })).sas.length, 1);
  assertEquals(contentsOf(esp(0x100, 1, { fragmentWord: 0x2001 })).sas, []);
  const later = { ipVersion: 6, nextHeader: 44, extensions: [50, 0, 0, 9, 0, 0, 0, 1] } as const;
  assertEquals(contentsOf(esp(0x100, 1, later)).sas, []);
  assertEquals(contentsOf(esp(0x100, 1, { payload: espOf(0x100, 1).slice(0, 7), paddingBytes: 20 })).sas, []);
  const census = new EspCensus();
  addTo(census, esp(0x100, 1), 53);
  addTo(census, natTraversal(espOf(0x100, 1)), 53);
  assertEquals(census.contents().sas, []);
  addTo(census, esp(0x100, 1), 52);
  assertEquals(census.contents().sas.map(({ packets, bytes }) => [packets, bytes]), [[1, 60]], "Bytes are as claimed.");
});

Deno.test("EspCensus follows the first SAs only, and counts the packets of all others together", () => {
  const census = new EspCensus();
  for (let round = 0; round < 2; round++) {
    for (let spi = 1; spi <= FOLLOWED_SAS + 100; spi++) addTo(census, esp(spi, round + 1));
  }
  const { sas, packetsOfOtherSas } = census.contents();
  assertEquals([sas.length, packetsOfOtherSas], [FOLLOWED_SAS, 200]);
  assertEquals(sas.every((sa, i) => sa.spi === i + 1 && sa.packets === 2 && sa.gaps === 0), true);
});

Deno.test("EspCensus agrees with a plain count over any packets", () => {
  const packet = fc.record({
    spi: fc.constantFrom(1, 2, 0x10000001),
    sequence: fc.oneof(fc.nat(20), fc.constantFrom(0xffffffff, 0x80000000)),
    ipVersion: fc.constantFrom<4 | 6>(4, 6),
    inUdp: fc.boolean(),
  });
  fc.assert(fc.property(fc.array(packet, { maxLength: 40 }), (packets) => {
    const frames = packets.map(({ spi, sequence, ipVersion, inUdp }) => {
      return inUdp ? natTraversal(espOf(spi, sequence), { ipVersion }) : esp(spi, sequence, { ipVersion });
    });
    const expected = Map.groupBy(packets, ({ spi, ipVersion, inUdp }) => `${spi} ${ipVersion} ${inUdp}`);
    const { sas } = contentsOf(...frames);
    const actual = sas.map(({ packets, firstSequence, lastSequence }) => [packets, firstSequence, lastSequence]);
    const counts = [...expected.values()].map((group) => {
      return [group.length, group[0]!.sequence, group.at(-1)!.sequence];
    });
    assertEquals(actual, counts);
    assertEquals(sas.every(({ packets, gaps, late }) => gaps + late < packets), true);
  }));
});
