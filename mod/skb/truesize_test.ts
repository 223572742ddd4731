import { assertEquals } from "@std/assert";
import { addFrag, addToFragList } from "./paged_ops.ts";
import { SkbFixture } from "./testing.ts";
import { truesize } from "./truesize.ts";

Deno.test("truesize() of a linear buffer is its sk_buff and its head with the shared info", () => {
  const fixture = new SkbFixture();
  // 704 + 320 is the class of 1024, 1728 + 320 that of 2048.
  assertEquals(truesize(fixture.skbs, fixture.skbs.allocSkb(704)), 256 + 1024);
  assertEquals(truesize(fixture.skbs, fixture.skbs.allocSkb(1700)), 256 + 2048);
});

Deno.test("truesize() counts the blocks of fragments, and the buffers of a frag_list with all of theirs", () => {
  const { skbs, memory } = new SkbFixture();
  const skb = skbs.allocSkb(704);
  addFrag(skb, memory.allocate(64), 0, 1);
  addFrag(skb, memory.allocate(2048), 100, 1500);
  assertEquals(truesize(skbs, skb), 256 + 1024 + 64 + 2048);
  const member = skbs.allocSkb(704);
  addFrag(member, memory.allocate(128), 0, 128);
  addToFragList(skb, null, member);
  assertEquals(truesize(skbs, skb), 256 + 1024 + 64 + 2048 + (256 + 1024 + 128));
});
