/** @module */

import { assertEquals } from "@std/assert";
import * as fc from "fast-check";
import { maximumSegmentSize } from "./tcp_options.ts";

function header(...options: number[]): Uint8Array {
  return Uint8Array.of(...new Array<number>(20).fill(0), ...options);
}

Deno.test("maximumSegmentSize() finds the option wherever it stands", () => {
  assertEquals(maximumSegmentSize(header(2, 4, 0x05, 0xb4), 0, 24), 1460);
  assertEquals(maximumSegmentSize(header(1, 1, 4, 2, 2, 4, 0x02, 0x18), 0, 28), 536);
  const inside = new Uint8Array(60);
  inside.set(header(3, 3, 7, 2, 4, 0x22, 0xec, 0), 30);
  assertEquals(maximumSegmentSize(inside, 30, 28), 8940);
});

Deno.test("maximumSegmentSize() finds none behind the end, in a cut option, or of another length", () => {
  assertEquals(maximumSegmentSize(header(), 0, 20), undefined);
  assertEquals(maximumSegmentSize(header(0, 2, 4, 5), 0, 24), undefined);
  assertEquals(maximumSegmentSize(header(1, 1, 1, 2), 0, 24), undefined);
  assertEquals(maximumSegmentSize(header(2, 3, 5, 0), 0, 24), undefined);
  assertEquals(maximumSegmentSize(header(8, 0, 2, 4, 5, 0xb4, 0, 0), 0, 28), undefined);
  assertEquals(maximumSegmentSize(header(8, 40, 2, 4, 5, 0xb4, 0, 0), 0, 28), undefined);
});

Deno.test("maximumSegmentSize() ends for any bytes, and reads nothing behind the header", () => {
  fc.assert(fc.property(fc.uint8Array({ minLength: 20, maxLength: 60 }), (bytes) => {
    const found = maximumSegmentSize(bytes, 0, bytes.length);
    const longer = new Uint8Array(bytes.length + 8).fill(2);
    longer.set(bytes);
    assertEquals(maximumSegmentSize(longer, 0, bytes.length), found);
  }));
});
