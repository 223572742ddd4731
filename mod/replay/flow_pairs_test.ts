/** @module */

import { assertEquals } from "@std/assert";
import { NONE } from "../ledger/schema.ts";
import { FlowTable } from "../wire/flow_table.ts";
import { FlowPairs } from "./flow_pairs.ts";

Deno.test("FlowPairs.reverse() knows the other direction from when both have been asked for", () => {
  const flows = new FlowTable();
  const there = flows.find(1, 2, 1000, 80, 6);
  const otherPort = flows.find(1, 2, 1001, 80, 6);
  const udp = flows.find(2, 1, 80, 1000, 17);
  const back = flows.find(2, 1, 80, 1000, 6);
  const pairs = new FlowPairs(flows);
  assertEquals([there, otherPort, udp].map((flow) => pairs.reverse(flow)), [NONE, NONE, NONE]);
  assertEquals([pairs.reverse(back), pairs.reverse(there)], [there, back]);
  assertEquals([pairs.reverse(otherPort), pairs.reverse(udp)], [NONE, NONE]);
});
