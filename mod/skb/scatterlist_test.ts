import { assertEquals } from "@std/assert";
import { gather, scatter, scatterlistEntries } from "./scatterlist.ts";
import { assertSameBytes, SkbFixture, type SkbShape } from "./testing.ts";

const LINEAR: SkbShape = { request: 704, headroom: 64, linear: 100 };

Deno.test("scatterlistEntries() counts the linear part, each fragment, and the buffers of the frag_list", () => {
  const fixture = new SkbFixture();
  const cases: [SkbShape, offset: number, entries: number][] = [
    [LINEAR, 0, 1],
    [LINEAR, 99, 1],
    [LINEAR, 100, 0],
    [{ ...LINEAR, linear: 0, frags: [20] }, 0, 1],
    [{ ...LINEAR, frags: [20] }, 20, 2],
    [{ ...LINEAR, frags: [20, 30, 40] }, 20, 4],
    [{ ...LINEAR, frags: [20, 30] }, 100, 2],
    [{ ...LINEAR, members: [LINEAR, LINEAR] }, 20, 3],
    [{ ...LINEAR, frags: [20], members: [{ ...LINEAR, frags: [5, 6] }, { ...LINEAR, linear: 0, frags: [7] }] }, 0, 6],
  ];
  for (const [shape, offset, entries] of cases) {
    const skb = fixture.build(shape);
    assertEquals(scatterlistEntries(fixture.skbs, skb, offset), entries);
    fixture.free(skb);
  }
  assertEquals(fixture.takeCopies(), []);
});

Deno.test("gather() and scatter() touch just the bytes that they are asked for, at every offset and length", () => {
  const fixture = new SkbFixture();
  const member = { request: 64, headroom: 0, linear: 3, frags: [4] };
  const skb = fixture.build({ request: 64, headroom: 9, linear: 7, frags: [5, 1], members: [member] });
  const expected = fixture.bytesOf(skb);
  for (let offset = 0; offset <= skb.len; offset++) {
    for (let bytes = 0; offset + bytes <= skb.len; bytes++) {
      const message = new Uint8Array(skb.len + 1).fill(0xa5);
      gather(fixture.skbs, skb, offset, bytes, message);
      assertSameBytes(message.subarray(0, bytes), expected.subarray(offset, offset + bytes));
      assertEquals(message[bytes], 0xa5);
      for (let i = 0; i < bytes; i++) expected[offset + i] = message[i] = (message[i]! + 1) & 0xff;
      scatter(fixture.skbs, skb, offset, bytes, message);
      assertSameBytes(fixture.bytesOf(skb), expected, `${bytes} bytes at ${offset}`);
    }
  }
  assertEquals(fixture.takeCopies(), []);
});
