import { assertEquals } from "@std/assert";
import { onlyTimestampsDiffer } from "./tcp_timestamps.ts";

const AT = 5;
const OTHER_AT = 11;

/** A TCP header with these options, somewhere in an array. */
function headerAt(at: number, options: readonly number[]): Uint8Array {
  const u8 = new Uint8Array(at + 20 + options.length + 7).fill(0x5a);
  u8[at + 12] = (20 + options.length) / 4 << 4;
  u8.set(options, at + 20);
  return u8;
}

function differ(options: readonly number[], others: readonly number[]): boolean {
  return onlyTimestampsDiffer(headerAt(AT, options), AT, headerAt(OTHER_AT, others), OTHER_AT);
}

/** Two NOPs and the timestamps of Linux. */
const timestamps = (value: number, echo = 1): number[] => [1, 1, 8, 10, 0, 0, value, 3, 0, 0, 0, echo];
const sack = (edge: number): number[] => [1, 1, 5, 10, 0, 0, 0, edge, 0, 0, 1, 0];

Deno.test("onlyTimestampsDiffer() looks through the values of the timestamps option and nothing else", () => {
  assertEquals(differ(timestamps(1), timestamps(2)), true);
  assertEquals(differ(timestamps(1, 1), timestamps(1, 2)), true);
  assertEquals(differ([...sack(7), ...timestamps(1)], [...sack(7), ...timestamps(2)]), true);
  assertEquals(differ([...timestamps(1), ...sack(7)], [...timestamps(2), ...sack(7)]), true);
  assertEquals(differ([...sack(7), ...timestamps(1)], [...sack(8), ...timestamps(2)]), false);
  assertEquals(differ([...timestamps(1), ...sack(7)], [...timestamps(2), ...sack(8)]), false);
});

Deno.test("onlyTimestampsDiffer() is false where one has no timestamps, or options are longer or damaged", () => {
  assertEquals(differ(sack(1), sack(2)), false);
  assertEquals(differ([], []), false);
  assertEquals(differ(timestamps(1), [1, 1, 1, 1, ...timestamps(1).slice(4)]), false);
  assertEquals(differ(timestamps(1), [...timestamps(1), 1, 1, 1, 1]), false);
  // An option of length 0 leads nowhere, one that is too long leads beyond, and nothing follows the end of the list.
  assertEquals(differ([2, 0, 1, 1, ...timestamps(1)], [2, 0, 1, 1, ...timestamps(2)]), false);
  assertEquals(differ([1, 1, 8, 10, 0, 0, 0, 1], [1, 1, 8, 10, 0, 0, 0, 2]), false);
  assertEquals(differ([0, 1, 1, 1, ...timestamps(1)], [0, 1, 1, 1, ...timestamps(2)]), false);
  assertEquals(differ([8, 9, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1], [8, 9, 0, 0, 0, 0, 0, 0, 2, 1, 1, 1]), false);
});
