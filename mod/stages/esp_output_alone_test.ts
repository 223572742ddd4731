/** ESP output alone, with buffers that path forward does not make: clones, frag_lists, full fragment arrays, a used-up SA. */

import { assertEquals } from "@std/assert";
import { testSecurityAssociation } from "../esp/sa.ts";
import { tcpFrame } from "../replay/testing.ts";
import { clone } from "../skb/clone_ops.ts";
import { readFrame } from "../skb/dma.ts";
import { addFrag, addToFragList } from "../skb/paged_ops.ts";
import type { Skb } from "../skb/skb.ts";
import { REASON } from "../ledger/schema.ts";
import { EspEncap } from "./esp_encap.ts";
import { EspOutput } from "./esp_output.ts";
import { EspTransform } from "./esp_transform.ts";
import { StageFixture } from "./testing.ts";

/** What came out of ESP output alone. */
interface Alone {
  readonly fixture: StageFixture;
  /** Captured packets that went on. */
  readonly passed: readonly number[];
  /** Where the trailers went. */
  readonly tails: readonly string[];
}

/** Sends buffers through ESP output alone, whose SA has already used `sequence`; their bytes must follow the new headers. */
function espAlone(sequence: number, build: (fixture: StageFixture) => readonly Skb[]): Alone {
  const fixture = new StageFixture();
  const { skbs } = fixture.host;
  const sa = testSecurityAssociation({ seed: 1 });
  sa.resumeAfter(sequence);
  const passed: number[] = [];
  let clear = "";
  const bytes = new Uint8Array(4000);
  const judge = (skb: Skb): void => {
    passed.push(skb.packet);
    const length = readFrame(skbs, skb, bytes);
    assertEquals(bytes.subarray(36, 36 + clear.length / 2).toHex(), clear);
    // Next header and, not encrypted here, nothing but padding in front of it.
    assertEquals(bytes[length - 17], 4);
    skbs.free(skb, REASON.sent);
  };
  const transform = new EspTransform(fixture.host, sa, null);
  const esp = new EspOutput(fixture.host, { process: judge }, new EspEncap(fixture.host, sa), transform);
  for (const skb of build(fixture)) {
    clear = bytes.subarray(0, readFrame(skbs, skb, bytes)).toHex();
    esp.process(skb);
  }
  transform.release();
  fixture.finish();
  assertEquals(skbs.memory.live, 0);
  return { fixture, passed, tails: fixture.events.of("tail").map(({ reason, bytes }) => `${reason} ${bytes}`) };
}

const ACK = tcpFrame({ payloadBytes: 0 });

Deno.test("the last sequence number is used; packets beyond it are dropped with their reason, and nothing leaks", () => {
  const { fixture, passed } = espAlone(
    0xfffffffd,
    (fixture) => [0, 1, 2, 3].map((packet) => fixture.linear(packet, ACK, 100)),
  );
  assertEquals(passed, [0, 1]);
  const drops = fixture.events.of("drop").map(({ packet, reason, count }) => `${packet} ${reason} ${count}`);
  assertEquals(drops, ["2 sequence-exhausted 1", "3 sequence-exhausted 1"]);
});

Deno.test("a trailer of 20 bytes is in place in 20 bytes of tailroom, not in 19", () => {
  const { tails } = espAlone(0, (fixture) => [19, 20, 21, 0].map((tailroom) => fixture.linear(0, ACK, tailroom)));
  assertEquals(tails, ["fragment 20", "in-place 20", "in-place 20", "fragment 20"]);
});

/** An acknowledgment with paged bytes behind it: as many fragments of 8 bytes. */
function withFrags(fixture: StageFixture, frags: number): Skb {
  const { skbs } = fixture.host;
  const skb = fixture.linear(0, ACK, 0);
  for (let i = 0; i < frags; i++) addFrag(skb, skbs.memory.allocate(64), 8 * i % 56, 8);
  return skb;
}

/** An acknowledgment with another behind it in its frag_list, which has this much tailroom. */
function withMember(fixture: StageFixture, tailroom: number): Skb {
  const skb = fixture.linear(0, ACK, 0);
  addToFragList(skb, null, fixture.linear(0, ACK, tailroom));
  return skb;
}

Deno.test("tx_tail=fragment: a buffer with 17 fragments goes through skb_cow_data, one with 16 does not", () => {
  const { tails, fixture } = espAlone(0, (fixture) => [16, 17].map((frags) => withFrags(fixture, frags)));
  assertEquals(tails, ["fragment 20", "cow-frags-full 20"]);
  assertEquals(fixture.events.copies["esp-output pull-tail"], 17 * 8);
});

Deno.test("tx_tail=fragment: with a frag_list, skb_cow_data copies only where its last buffer lacks tailroom", () => {
  const { tails, fixture } = espAlone(0, (fixture) => [20, 19].map((tailroom) => withMember(fixture, tailroom)));
  assertEquals(tails, ["in-place 20", "cow-frag-list 20"]);
  assertEquals(fixture.events.of("copy").length, 1);
});

Deno.test("tx_tail=fragment: a clone goes through skb_cow_data, however much tailroom it has", () => {
  const { tails } = espAlone(0, (fixture) => {
    const original = fixture.linear(0, ACK, 100);
    const shared = clone(fixture.host.skbs, original);
    // The second finds itself alone: the first has a head of its own by then.
    return [shared, original];
  });
  assertEquals(tails, ["cow-cloned 20", "in-place 20"]);
});
