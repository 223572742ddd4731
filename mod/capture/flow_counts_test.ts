import { assertEquals } from "@std/assert";
import * as fc from "fast-check";
import { FlowCounts } from "./flow_counts.ts";

Deno.test("FlowCounts counts flows one by one up to its limit and all others together", () => {
  const flow = fc.nat(60);
  fc.assert(fc.property(fc.array(fc.tuple(flow, fc.nat(2), fc.nat(9))), flow, (additions, followed) => {
    const counts = new FlowCounts(3, followed);
    for (const [flow, column, count] of additions) counts.add(flow, column, count);
    const sum = (column: number, isCounted: (flow: number) => boolean): number => {
      return additions.filter(([flow, other]) => other === column && isCounted(flow)).reduce(
        (sum, [, , n]) => sum + n,
        0,
      );
    };
    for (let column = 0; column < 3; column++) {
      assertEquals(counts.ofAll(column), sum(column, () => true));
      assertEquals(counts.ofOthers(column), sum(column, (flow) => flow >= followed));
      for (let one = 0; one < followed; one++) {
        assertEquals(
          counts.ofFlow(one, column),
          sum(column, (flow) => flow === one),
        );
      }
    }
  }));
});
