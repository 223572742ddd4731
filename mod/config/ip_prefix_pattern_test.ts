import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { parsePrefix } from "../wire/ip_prefix.ts";
import { IP_PREFIX_PATTERN } from "./ip_prefix_pattern.ts";

const pattern = new RegExp(`^(${IP_PREFIX_PATTERN})$`, "u");

Deno.test("IP_PREFIX_PATTERN matches what parsePrefix() parses, and nothing else", () => {
  const words = fc.constantFrom(":", ":", ":", "::", "0", "1", "ab", "FFFF", "12345", "1.2.3.4", "1.2.3", ".", "g");
  const bits = fc.constantFrom("", "", "/0", "/8", "/32", "/33", "/100", "/128", "/129", "/01", "/", "/1/1");
  fc.assert(
    fc.property(fc.array(words, { maxLength: 16 }), bits, (parts, suffix) => {
      const text = parts.join("") + suffix;
      assertEquals(pattern.test(text), parsePrefix(text) !== undefined, text);
    }),
    { numRuns: 20_000 },
  );
});

Deno.test("IP_PREFIX_PATTERN matches every number of groups before and behind two colons", () => {
  const groups = (count: number) => Array<string>(count).fill("a").join(":");
  for (let before = 0; before <= 9; before++) {
    assertEquals(pattern.test(groups(before)), before === 8);
    for (let behind = 0; behind <= 9; behind++) {
      const text = `${groups(before)}::${groups(behind)}`;
      assertEquals(pattern.test(text), before + behind <= 7, text);
      assertEquals(parsePrefix(text) !== undefined, before + behind <= 7, text);
      const dotted = `${groups(before)}::${groups(behind)}${behind === 0 ? "" : ":"}1.2.3.4`;
      assertEquals(pattern.test(dotted), before + behind <= 5, dotted);
      assertEquals(parsePrefix(dotted) !== undefined, before + behind <= 5, dotted);
    }
  }
});

Deno.test("IP_PREFIX_PATTERN takes no time to speak of on a long text that is no address", () => {
  assertEquals(pattern.test("1:".repeat(100_000)), false);
  assertEquals(pattern.test("1".repeat(100_000)), false);
});
