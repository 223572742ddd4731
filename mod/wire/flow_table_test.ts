import { assertEquals } from "@std/assert";
import * as fc from "fast-check";
import { FlowTable } from "./flow_table.ts";

type FiveTuple = [source: number, destination: number, sourcePort: number, destinationPort: number, protocol: number];

function tupleOf(flows: FlowTable, flow: number): FiveTuple {
  return [
    flows.source(flow),
    flows.destination(flow),
    flows.sourcePort(flow),
    flows.destinationPort(flow),
    flows.protocol(flow),
  ];
}

Deno.test("FlowTable numbers flows in order of first appearance and finds them again", () => {
  const flows = new FlowTable();
  const tuples: FiveTuple[] = [
    [0xc0000201, 0xc0000202, 40000, 5001, 6],
    [0xc0000202, 0xc0000201, 5001, 40000, 6],
    [0xc0000201, 0xc0000202, 40000, 5001, 17],
    [0xc0000201, 0xc0000202, 5001, 40000, 6],
    [0, 0, 0, 0, 0],
    [0xffffffff, 0xffffffff, 0xffff, 0xffff, 255],
  ];
  for (let round = 0; round < 2; round++) assertEquals(tuples.map((tuple) => flows.find(...tuple)), [0, 1, 2, 3, 4, 5]);
  assertEquals(flows.size, tuples.length);
  assertEquals(tuples.map((_, flow) => tupleOf(flows, flow)), tuples);
});

Deno.test("FlowTable keeps 10000 flows apart, and says of each what it is, while it grows", () => {
  const flows = new FlowTable();
  const tupleAt = (
    i: number,
  ): FiveTuple => [0xc0000000 + (i >> 8), 0xc0a80001, i & 0xff, 0x8000 + i, i % 3 === 0 ? 6 : 17];
  for (let i = 0; i < 10000; i++) assertEquals(flows.find(...tupleAt(i)), i);
  for (let i = 0; i < 10000; i++) {
    assertEquals(flows.find(...tupleAt(i)), i);
    assertEquals(tupleOf(flows, i), tupleAt(i));
  }
  assertEquals(flows.size, 10000);
});

for (const [field, name] of ["source", "destination", "source port", "destination port", "protocol"].entries()) {
  Deno.test(`FlowTable keeps apart 256 flows that differ in nothing but the ${name}`, () => {
    const flows = new FlowTable();
    const tupleAt = (value: number): FiveTuple => [1, 2, 3, 4, 5].with(field, value) as FiveTuple;
    for (let value = 0; value < 256; value++) assertEquals(flows.find(...tupleAt(value)), value);
  });
}

Deno.test("FlowTable agrees with a Map of strings", () => {
  // Small numbers, so that flows come again.
  const tuple = fc.tuple(fc.nat(3), fc.nat(3), fc.nat(3), fc.nat(3), fc.constantFrom(6, 17));
  fc.assert(fc.property(fc.array(tuple, { maxLength: 200 }), (tuples) => {
    const flows = new FlowTable();
    const expected = new Map<string, number>();
    for (const one of tuples) {
      const key = one.join(" ");
      if (!expected.has(key)) expected.set(key, expected.size);
      assertEquals(flows.find(...one), expected.get(key));
    }
    assertEquals(flows.size, expected.size);
  }));
});

/** The IPv6 header of a packet from 2001:db8::`source` to 2001:db8::`destination`, at offset 3. */
function ipv6Header(source: number, destination: number): Uint8Array {
  const u8 = new Uint8Array(3 + 40).fill(0xa5);
  u8.set(Uint8Array.fromHex("20010db8000000000000000000000000".repeat(2)), 3 + 8);
  new DataView(u8.buffer).setUint32(3 + 20, source);
  new DataView(u8.buffer).setUint32(3 + 36, destination);
  return u8;
}

Deno.test("FlowTable.findAt() numbers flows of both versions in one order, and says of each what it is", () => {
  const flows = new FlowTable();
  const ipv4 = Uint8Array.fromHex("a5a5a5" + "4500002800000000400600000a0000010a000002");
  for (let round = 0; round < 2; round++) {
    assertEquals(flows.findAt(ipv6Header(1, 2), 3, 6, 40000, 5001, 6), 0);
    assertEquals(flows.findAt(ipv4, 3, 4, 40000, 5001, 6), 1);
    assertEquals(flows.findAt(ipv6Header(2, 1), 3, 6, 40000, 5001, 6), 2);
    assertEquals(flows.find(0x0a000001, 0x0a000002, 40000, 5001, 6), 1);
  }
  const described = [0, 1, 2].map((flow) => [flows.version(flow), flows.sourceText(flow), flows.destinationText(flow)]);
  assertEquals(described, [
    [6, "2001:db8::1", "2001:db8::2"],
    [4, "10.0.0.1", "10.0.0.2"],
    [6, "2001:db8::2", "2001:db8::1"],
  ]);
  for (const flow of [0, 1, 2]) {
    assertEquals([flows.sourcePort(flow), flows.destinationPort(flow), flows.protocol(flow)], [40000, 5001, 6]);
  }
});

Deno.test("FlowTable gives a flow of IPv4 the same hash whichever way it is asked for", () => {
  const flows = new FlowTable();
  const ipv4 = Uint8Array.fromHex("4500002800000000400600000a0000010a000002");
  flows.find(0x0a000001, 0x0a000002, 40000, 5001, 6);
  const { hash } = flows;
  flows.findAt(ipv6Header(1, 2), 3, 6, 40000, 5001, 6);
  assertEquals(flows.hash === hash, false);
  flows.findAt(ipv4, 0, 4, 40000, 5001, 6);
  assertEquals(flows.hash, hash);
});

Deno.test("FlowTable keeps 10000 flows of both versions apart, and says of each what it is, while it grows", () => {
  const flows = new FlowTable();
  const find = (i: number) => {
    const ports = [i & 0xff, 0x8000 + (i >> 8)] as const;
    if (i % 2 === 0) return flows.find(i, 1, ...ports, 6);
    return flows.findAt(ipv6Header(i, ~i), 3, 6, ...ports, 17);
  };
  for (let i = 0; i < 10000; i++) assertEquals(find(i), i);
  for (let i = 0; i < 10000; i++) {
    assertEquals(find(i), i);
    assertEquals([flows.version(i), flows.protocol(i)], i % 2 === 0 ? [4, 6] : [6, 17]);
  }
  assertEquals(flows.sourceText(9999), "2001:db8::270f");
  assertEquals(flows.sourceText(1025), "2001:db8::401");
});

Deno.test("FlowTable keeps apart flows of IPv6 that differ in one byte of an address only", () => {
  const flows = new FlowTable();
  const u8 = ipv6Header(0, 0);
  assertEquals(flows.findAt(u8, 3, 6, 1, 2, 6), 0);
  for (let i = 0; i < 32; i++) {
    u8[3 + 8 + i]! ^= 0x40;
    assertEquals(flows.findAt(u8, 3, 6, 1, 2, 6), i + 1, `byte ${i}`);
    u8[3 + 8 + i]! ^= 0x40;
  }
  assertEquals(flows.findAt(u8, 3, 6, 1, 2, 6), 0);
  const others = [[2, 2, 6], [1, 3, 6], [1, 2, 7]] as const;
  assertEquals(others.map(([from, to, protocol]) => flows.findAt(u8, 3, 6, from, to, protocol)), [33, 34, 35]);
});

Deno.test("FlowTable gives no number beyond its limit, and goes on finding the flows that it has", () => {
  const flows = new FlowTable(2);
  assertEquals([1, 2, 3, 1, 4, 2].map((port) => flows.find(1, 2, port, 4, 6)), [0, 1, -1, 0, -1, 1]);
  assertEquals([flows.findAt(ipv6Header(1, 2), 3, 6, 1, 4, 6), flows.size], [-1, 2]);
  const ofBoth = new FlowTable(1);
  assertEquals([1, 2, 1].map((source) => ofBoth.findAt(ipv6Header(source, 2), 3, 6, 1, 4, 6)), [0, -1, 0]);
});

/** The finalizer of MurmurHash3, with which the table mixes words. */
function finalize(word: number): number {
  let h = Math.imul(word ^ (word >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}

Deno.test("FlowTable keeps apart flows of IPv6 whose hashes are the same", () => {
  const flows = new FlowTable();
  const one = ipv6Header(0, 0);
  const other = ipv6Header(0, 0);
  const words = new DataView(other.buffer);
  // Another third word of the source, and the fourth that makes up for it.
  words.setUint32(3 + 16, 0x12345678);
  const start = finalize(finalize(0x20010db8));
  words.setUint32(3 + 20, finalize(start) ^ finalize(start ^ 0x12345678));
  assertEquals(flows.findAt(one, 3, 6, 1, 2, 6), 0);
  const { hash } = flows;
  assertEquals([flows.findAt(other, 3, 6, 1, 2, 6), flows.hash], [1, hash]);
  assertEquals([flows.findAt(one, 3, 6, 1, 2, 6), flows.findAt(other, 3, 6, 1, 2, 6)], [0, 1]);
});
