import { assertEquals, assertThrows } from "@std/assert";
import { FitError } from "./errors.ts";
import { labelOf, parseTie } from "./labels.ts";
import { TEST_PRIOR } from "./testing.ts";

Deno.test("labelOf() says event, stage, reason and unit, as far as they are there", () => {
  const of = { value: 1, low: 1, high: 1, source: "s", note: "n", event: "copy" };
  assertEquals(labelOf({ ...of, unit: "ns/byte" }), "copy ns/byte");
  assertEquals(labelOf({ ...of, stage: "gso", unit: "ns/op" }), "copy@gso ns/op");
  assertEquals(labelOf({ ...of, reason: "aes-gcm", unit: "ns/op" }), "copy aes-gcm ns/op");
  assertEquals(labelOf({ ...of, stage: "gso", reason: "x", unit: "cycles/count" }), "copy@gso x cycles/count");
});

Deno.test("parseTie() reads two labels, whatever the spaces", () => {
  assertEquals(parseTie("seal aes-gcm cycles/byte=open aes-gcm cycles/byte", TEST_PRIOR), [0, 1]);
  assertEquals(parseTie(" copy   ns/byte =  user-copy ns/byte ", TEST_PRIOR), [3, 4]);
});

const REFUSED = [
  ["copy ns/byte", "Cannot tie copy ns/byte: two labels with = between them are needed"],
  ["copy ns/byte=a=b", "Cannot tie copy ns/byte=a=b: two labels with = between them are needed"],
  ["copy ns/byte=copy ns/byte", "Cannot tie copy ns/byte: it is named twice"],
  ["copy ns/byte=segment cycles/op", "Cannot tie copy ns/byte to segment cycles/op: their units differ"],
  [
    "copy ns/byte=user-copi ns/byte",
    "Cannot tie user-copi ns/byte: profile test has no such coefficient, the nearest is user-copy ns/byte",
  ],
  [
    "copy ns/byte=\n",
    "Cannot tie : profile test has no such coefficient, labels are event@stage reason unit",
  ],
] as const;

for (const [text, message] of REFUSED) {
  Deno.test(`parseTie() refuses ${JSON.stringify(text)}`, () => {
    assertEquals(assertThrows(() => parseTie(text, TEST_PRIOR), FitError).message, message);
  });
}
