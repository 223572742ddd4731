import { assertEquals } from "@std/assert";
import { LINKTYPE_LINUX_SLL2, LINKTYPE_RAW_12, linkTypeName } from "./link_types.ts";

Deno.test("linkTypeName() names what the list at tcpdump.org names, and the rest by number", () => {
  assertEquals(linkTypeName(1), "ethernet");
  assertEquals(linkTypeName(LINKTYPE_LINUX_SLL2), "linux-sll2");
  assertEquals(linkTypeName(LINKTYPE_RAW_12), "raw");
  assertEquals(linkTypeName(0xffff), "linktype-65535");
});
