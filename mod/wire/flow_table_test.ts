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
