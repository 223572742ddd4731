/** Who cuts an aggregate: the NIC or software, and what software makes for that NIC. */

import { assertEquals } from "@std/assert";
import { Block } from "../skb/memory.ts";
import { CHECKSUM, GSO_TYPE, HeadBuffer, Skb } from "../skb/skb.ts";
import { SegmentationOffload } from "./segmentation_offload.ts";

const NIC = { scatterGather: true, checksums: true, segments: true, fragLists: false };

function skbOf(id = 1): Skb {
  return new Skb(id, new HeadBuffer(new Block(0, 10, 1), 0, 704), false);
}

function aggregate({ gsoType = GSO_TYPE.tcpV4 as number, hasFragList = false, fixedId = false } = {}): Skb {
  const skb = skbOf();
  skb.head.gsoSize = 1448;
  skb.head.gsoType = gsoType;
  skb.head.gsoFixedId = fixedId;
  if (hasFragList) skb.head.fragList = skbOf(2);
  skb.ipSummed = CHECKSUM.partial;
  return skb;
}

Deno.test("featuresFor() leaves an aggregate of TCP to a NIC that segments, gathers and sums", () => {
  assertEquals(new SegmentationOffload(NIC).featuresFor(aggregate()), null);
  assertEquals(new SegmentationOffload(NIC).featuresFor(aggregate({ gsoType: GSO_TYPE.tcpV6 })), null);
});

Deno.test("featuresFor() has software cut for a NIC that lacks one of these, and for one that does nothing", () => {
  const without = (lacks: Partial<typeof NIC>) =>
    new SegmentationOffload({ ...NIC, ...lacks }).featuresFor(aggregate());
  const features = { scatterGather: true, checksumOffload: true, fragListOffload: false };
  assertEquals(without({ segments: false }), features);
  assertEquals(without({ scatterGather: false }), { ...features, scatterGather: false });
  assertEquals(without({ checksums: false }), { ...features, checksumOffload: false });
  const nothing = { scatterGather: false, checksumOffload: false, fragListOffload: false };
  assertEquals(new SegmentationOffload().featuresFor(aggregate()), nothing);
});

Deno.test("featuresFor() has software cut what has a frag_list, unless the NIC takes one", () => {
  const withList = aggregate({ hasFragList: true });
  const features = { scatterGather: true, checksumOffload: true, fragListOffload: true };
  assertEquals(new SegmentationOffload(NIC).featuresFor(withList), features);
  assertEquals(new SegmentationOffload({ ...NIC, fragLists: true }).featuresFor(withList), null);
});

Deno.test("featuresFor() has software cut UDP, constant IP ids, and what nobody has summed", () => {
  const offload = new SegmentationOffload(NIC);
  const features = { scatterGather: true, checksumOffload: true, fragListOffload: false };
  assertEquals(offload.featuresFor(aggregate({ gsoType: GSO_TYPE.udpL4 })), features);
  assertEquals(offload.featuresFor(aggregate({ fixedId: true })), features);
  const unsummed = aggregate();
  unsummed.ipSummed = CHECKSUM.none;
  assertEquals(offload.featuresFor(unsummed), { ...features, fragListOffload: true });
});
