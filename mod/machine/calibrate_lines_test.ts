import { assertEquals } from "@std/assert";
import { LineChain } from "./calibrate_lines.ts";

Deno.test("LineChain is one ring: each line comes once, page by page, and not in the order of memory", () => {
  const chain = new LineChain(16 << 12);
  const seen: number[] = [];
  for (let i = 0; i < chain.lines; i++) {
    seen.push(chain.line);
    chain.follow(1);
  }
  assertEquals(chain.line, seen[0]);
  assertEquals(seen.toSorted((a, b) => a - b), Array.from({ length: 1024 }, (_, line) => line));
  const begun = seen[0]! >> 6;
  const pages = seen.map((line) => line >> 6).filter((page, i, all) => i === 0 || page !== all[i - 1]);
  // The ring may begin inside a page, which then comes at both ends.
  assertEquals(new Set(pages).size, 16);
  assertEquals(pages.length <= 17 && pages.at(-1) !== undefined, true);
  assertEquals(pages[0], begun);
  assertEquals(seen.filter((line, i) => line === seen[i - 1]! + 1).length < 64, true);
});

Deno.test("LineChain.readAll() leaves the ring as it is", () => {
  const chain = new LineChain(4 << 12);
  chain.readAll();
  const first = chain.line;
  chain.follow(chain.lines);
  assertEquals(chain.line, first);
  chain.follow(1);
  assertEquals(chain.line === first, false);
});
