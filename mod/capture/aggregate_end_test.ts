import { assertEquals } from "@std/assert";
import { REASONS } from "../ledger/schema.ts";
import { END } from "../wire/merge_rules.ts";
import { AGGREGATE_END, AGGREGATE_END_NAMES } from "./aggregate_end.ts";

Deno.test("AGGREGATE_END numbers all reasons from 0 without a gap, and each has a name of its own", () => {
  const numbers = Object.values(AGGREGATE_END).toSorted((a, b) => a - b);
  assertEquals(numbers, AGGREGATE_END_NAMES.map((_, end) => end));
  assertEquals(new Set(AGGREGATE_END_NAMES).size, numbers.length);
});

Deno.test("AGGREGATE_END_NAMES are those of the flush event, where the model has such a reason", () => {
  const names = new Set(REASONS.map((reason) => reason.name));
  const shared = [...Object.values(END), AGGREGATE_END.pollEnd, AGGREGATE_END.budget].filter((end) => end !== END.none);
  assertEquals(shared.map((end) => AGGREGATE_END_NAMES[end]!).filter((name) => !names.has(name)), []);
});
