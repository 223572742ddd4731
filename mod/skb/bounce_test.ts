import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { bounce, needsBounce } from "./bounce.ts";
import { scatterlistEntries } from "./scatterlist.ts";
import { SkbFixture, type SkbShape } from "./testing.ts";

/** A full-size ESP packet behind its outer IP header: 16 bytes of header and IV, 1448 of text, 16 of ICV. */
const ESP_BYTES = 16 + 1448 + 16;
const LINEAR: SkbShape = { request: 1728, headroom: 78, linear: 20 + ESP_BYTES };

Deno.test("needsBounce() is false for one entry inside a page, in both eras", () => {
  for (const era of ["4.4", "6.1"] as const) {
    const fixture = new SkbFixture(era);
    assertEquals(needsBounce(fixture.skbs, fixture.build(LINEAR), 20, ESP_BYTES), false);
  }
});

Deno.test("needsBounce() is true for several entries: page fragments, a tail fragment, a frag_list", () => {
  const shapes: SkbShape[] = [
    { ...LINEAR, linear: 20 + 16, frags: [1464] },
    { ...LINEAR, linear: 20 + ESP_BYTES - 18, frags: [18] },
    { ...LINEAR, linear: 500, members: [{ request: 1728, headroom: 0, linear: 1000 }] },
  ];
  for (const era of ["4.4", "6.1"] as const) {
    const fixture = new SkbFixture(era);
    for (const shape of shapes) assertEquals(needsBounce(fixture.skbs, fixture.build(shape), 20, ESP_BYTES), true);
  }
});

Deno.test("needsBounce() is true in 4.4 alone for one entry that crosses the end of its page", () => {
  const [in44, in61] = [new SkbFixture("4.4"), new SkbFixture("6.1")];
  // The head of 7872 bytes lies at the start of a block of 8192: page end at 4096.
  const shape = { request: 7872, headroom: 96, linear: 5000 };
  for (const [bytes, crosses] of [[3980, false], [3981, true], [4900, true]] as const) {
    assertEquals(needsBounce(in44.skbs, in44.build(shape), 20, bytes), crosses, `${bytes}`);
    assertEquals(needsBounce(in61.skbs, in61.build(shape), 20, bytes), false, `${bytes}`);
  }
});

Deno.test("needsBounce() follows the number of scatterlist entries in 6.1", () => {
  const shapes = fc.record({
    linear: fc.integer({ min: 1, max: 100 }),
    frags: fc.array(fc.integer({ min: 1, max: 100 }), { maxLength: 3 }),
    offset: fc.nat(99),
  });
  const fixture = new SkbFixture("6.1");
  fc.assert(fc.property(shapes, ({ linear, frags, offset }) => {
    const skb = fixture.build({ request: 704, headroom: 0, linear, frags });
    const from = Math.min(offset, linear - 1);
    const entries = scatterlistEntries(fixture.skbs, skb, from);
    assertEquals(needsBounce(fixture.skbs, skb, from, skb.len - from), entries > 1);
    fixture.free(skb);
  }));
  fixture.assertNothingLives();
});

Deno.test("bounce() copies associated data and text in, and the text with ICV out, when encrypting (9.4)", () => {
  const fixture = new SkbFixture("4.4");
  const skb = fixture.build(LINEAR);
  const before = fixture.bytesOf(skb);
  bounce(fixture.skbs, skb, 20, 16, 1448, 16, "encrypt");
  assertEquals(fixture.takeCopies(), [["bounce-in", 16 + 1448], ["bounce-out", 1448 + 16]]);
  assertEquals(fixture.bytesOf(skb), before);
});

Deno.test("bounce() copies associated data, text and ICV in, and the text out, when decrypting (9.4)", () => {
  const fixture = new SkbFixture("4.4");
  const skb = fixture.build(LINEAR);
  bounce(fixture.skbs, skb, 20, 16, 1448 + 16, 16, "decrypt");
  assertEquals(fixture.takeCopies(), [["bounce-in", 16 + 1448 + 16], ["bounce-out", 1448]]);
});

Deno.test("bounce() refuses a request that the packet does not hold", () => {
  const fixture = new SkbFixture("4.4");
  const skb = fixture.build(LINEAR);
  const message = `Cannot encrypt 1449 bytes at 20: skb ${skb.id} has ${skb.len}`;
  assertThrows(() => bounce(fixture.skbs, skb, 20, 16, 1449, 16, "encrypt"), RangeError, message);
  assertThrows(() => bounce(fixture.skbs, skb, 20, 16, 1465, 16, "decrypt"), RangeError, "Cannot decrypt 1465 bytes");
  assertThrows(() => bounce(fixture.skbs, skb, 20, 16, 15, 16, "decrypt"), RangeError, "Cannot decrypt 15 bytes");
  assertEquals(fixture.takeCopies(), []);
});
