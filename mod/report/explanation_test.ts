import { assertEquals, assertStringIncludes } from "@std/assert";
import { openCapture, sourceOfBytes } from "../capture/mod.ts";
import { readAll } from "../capture/testing.ts";
import { resolveConfig } from "../config/resolve.ts";
import { PROFILES } from "../cost/profiles.ts";
import { type BufferShape, explain } from "../replay/explain.ts";
import { bulk, captureOf, tcpFrame } from "../replay/testing.ts";
import { draw, explanationJson, renderExplanation } from "./explanation.ts";

const FIXTURE = Deno.readFileSync(new URL("../../fixtures/bulk-tcp-ipv4.pcap", import.meta.url));
const FRAMES = (await readAll(await openCapture(sourceOfBytes(FIXTURE), "fixture"))).slice(0, 60)
  .map(({ bytes }) => bytes);

async function lifeOf(frames: readonly Uint8Array[], number: number, preset: string, sets: readonly string[] = []) {
  const resolved = resolveConfig({ preset, sets });
  return await explain({ input: captureOf(frames), resolved, profile: PROFILES.get("published")! }, number);
}

/** The story without its times and costs, which a profile may change. */
async function storyOf(...args: Parameters<typeof lifeOf>): Promise<string> {
  const text = renderExplanation(await lifeOf(...args));
  const timeless = text.replace(/ +at +\d+ ns +cost +[\d.]+ ns/g, "");
  return timeless.replace(/cost\s+[\d.]+\s+ns(,\s+latency\s+[\d.]+\s+us)?\.\n$/, "cost and time.\n");
}

/** The chapters of a story from stage `first` up to `next`. */
function part(story: string, first: string, next: string): string {
  const from = story.indexOf(`\n${first}`) + 1;
  return story.slice(from, story.indexOf(`\n${next}`, from) + 1);
}

Deno.test("renderExplanation() of a full-size packet under baseline: the three copies of 72, 130 and 1448 bytes", async () => {
  assertEquals(await storyOf(FRAMES, 4, "baseline"), BASELINE);
});

const BASELINE = `\
Packet 4 of built.pcap: 1514 bytes, 1448 of payload, flow 0; baseline on path forward

rx-ring
  Arrives: the NIC writes 1514 bytes by DMA into its receive buffers. No CPU copy.
driver-rx   skb 3
  A buffer is allocated: a linear area carved from a page fragment, 320 bytes of room (__napi_alloc_skb).
  The driver takes the frame from its ring and builds an skb (napi poll).
  The driver copies the headers of a frame in a page fragment into the linear area, rounded up to 8 bytes: 72
      bytes copied (ixgbe_pull_tail).
    before  [ headroom 64 | linear 0 | tail 256 ]
    after   [ headroom 78 | linear 52 | tail (190) ] + frags 1448
forward   skb 3
  Routed to the tunnel, time to live decremented (ip_rcv, ip_forward).
  MTU: nothing is too large, with oversize=grow the link takes what comes.
  Headroom: 78 bytes cover the 52 that are needed (skb_cow).
xfrm-output   skb 3
  One transformation: ESP in tunnel mode (xfrm_output_one).
  Headroom: 78 bytes cover the 52 of outer headers and link layer (xfrm_skb_check_space).
esp-output   skb 3
  ESP under tx_tail=linearize: room for the trailer is needed (esp_output).
  A new linear area was needed: headroom and linear bytes move into it: 130 bytes copied (pskb_expand_head).
  Paged bytes move into the linear area: 1448 bytes copied (__pskb_pull_tail).
  Trailer of 20 bytes: behind the linear data, because tx_tail=linearize copies until it fits (skb_cow_data).
    before  [ headroom 78 | linear 52 | tail (190) ] + frags 1448
    after   [ headroom 78 | linear 1520 | tail 130 ]
  Outer IP header, SPI, sequence number and IV are pushed: 36 bytes, headroom 78 to 42 (esp_output).
  1504 bytes are encrypted in place, ICV of 16: 1 scatterlist entry (crypto_aead_encrypt).
    after   [ headroom 42 | linear 1556 | tail 130 ]
ip-output   skb 3
  No fragmentation; the neighbour's Ethernet header is pushed into the headroom (ip_finish_output2).
    before  [ headroom 42 | linear 1556 | tail 130 ]
    after   [ headroom 28 | linear 1570 | tail 130 ]
qdisc   skb 3
  The queue is empty: bypassed, straight to the driver (__dev_xmit_skb).
driver-tx   skb 3
  The driver maps it: 1 descriptor on the TX ring (ndo_start_xmit).
nic   skb 3
  The last bit is on the wire: 1570 bytes, 1594 with FCS, preamble and gap.
driver-tx   skb 3
  Transmission is complete: the buffer is freed (napi_consume_skb).
napi
  The poll that took it has taken 60 frames: the poll ended before its budget; they share its cost
      (napi_complete_done).

Sent: 3 copies, 1650 bytes copied (driver-pull 72, expand-head 130, pull-tail 1448), cost and time.
`;

Deno.test("renderExplanation() under nocopy: the trailer is a page fragment, and nothing is copied for it", async () => {
  assertEquals(part(await storyOf(FRAMES, 4, "nocopy"), "esp-output", "ip-output"), FRAGMENT);
});

const FRAGMENT = `\
esp-output   skb 3
  ESP under tx_tail=fragment: room for the trailer is needed (esp_output).
  Trailer of 20 bytes: page fragment, because the buffer is nonlinear: tailroom 0, 1 of 17 frags used
      (esp_output_head). Nothing is copied for it.
    before  [ headroom 78 | linear 52 | tail (190) ] + frags 1448
    after   [ headroom 78 | linear 52 | tail (190) ] + frags 1448 + 20
  Outer IP header, SPI, sequence number and IV are pushed: 36 bytes, headroom 78 to 42 (esp_output).
  1504 bytes are encrypted in place, ICV of 16: 3 scatterlist entries (crypto_aead_encrypt).
    after   [ headroom 42 | linear 88 | tail (190) ] + frags 1448 + 20
`;

Deno.test("renderExplanation() under tx_dst=new-page: the null cipher copies 1452 bytes", async () => {
  const story = await storyOf(FRAMES, 4, "nocopy", ["tx_dst=new-page"]);
  assertEquals(part(story, "esp-output", "ip-output"), NEW_PAGE);
  assertStringIncludes(story, "\nSent: 2 copies, 1524 bytes copied (driver-pull 72, null-cipher 1452), cost and time.");
});

const NEW_PAGE = `\
esp-output   skb 3
  ESP under tx_tail=fragment: room for the trailer is needed (esp_output).
  Trailer of 20 bytes: page fragment, because the buffer is nonlinear: tailroom 0, 1 of 17 frags used
      (esp_output_head). Nothing is copied for it.
    before  [ headroom 78 | linear 52 | tail (190) ] + frags 1448
    after   [ headroom 78 | linear 52 | tail (190) ] + frags 1448 + 20
  The IV generator copies the plaintext from source to destination with the null cipher (seqiv_aead_encrypt):
      1452 bytes copied (crypto_skcipher_encrypt).
  Outer IP header, SPI, sequence number and IV are pushed: 36 bytes, headroom 78 to 42 (esp_output).
  1504 bytes are encrypted into a new page, ICV of 16: 5 scatterlist entries (crypto_aead_encrypt).
    after   [ headroom 42 | linear 88 | tail (190) ] + frags 1468
`;

Deno.test("renderExplanation() of a member of an aggregate: joined, carried, cut out again", async () => {
  assertEquals(part(await storyOf(FRAMES, 6, "nocopy-gro"), "gro", "esp-output"), MEMBER);
});

Deno.test("renderExplanation() under gso=l2: headers and numbers first, cut and encrypted on the way to the driver", async () => {
  const story = await storyOf(FRAMES, 6, "nocopy-gro-gso");
  for (
    const told of [
      "  Outer IP header and dummy ESP header are pushed, 14 sequence numbers reserved; trailer and encryption are\n" +
      "      left to layer 2 (xfrm_dev_offload_ok).\n",
      "  The aggregate is cut on its way to the driver: 14 segments of at most 1448 payload bytes (esp4_gso_segment,\n",
      "  SPI, sequence number and IV go into the ESP header that is there, the length into the IP header (esp_xmit).\n",
    ]
  ) assertStringIncludes(story, told);
  const single = await storyOf(FRAMES, 5, "nocopy-gro-gso", ["mode=transport"]);
  assertStringIncludes(
    single,
    "  A dummy ESP header is pushed, a sequence number taken; trailer and encryption are left",
  );
});

const MEMBER = `\
gro   skb 5
  GRO looks for a held buffer of its flow, and finds one that it continues (dev_gro_receive).
  It joins skb 3 with 1448 payload bytes: fragment descriptors moved over (skb_gro_receive). No byte is
      copied.
  skb 5 is freed: its bytes joined another buffer (napi_skb_free_stolen_head).
    before  [ headroom 78 | linear 52 | tail (190) ] + frags 1448
    after   [ headroom 78 | linear 52 | tail (190) ] + frags 1448 + 1448   2 packets, gso_size 1448
  12 other packets join skb 3, the last is packet 30: fragment descriptors moved over (skb_gro_receive). No
      byte is copied.
    after   [ headroom 78 | linear 52 | tail (190) ] + frags 1448 x 14   14 packets, gso_size 1448
  GRO sends it up, 14 packets in it: a packet of the flow has other TCP options, such as a later timestamp
      (tcp_gro_receive).
forward   skb 3, its share among 14 packets
  Routed to the tunnel, time to live decremented (ip_rcv, ip_forward).
  MTU: nothing is too large, with oversize=grow the link takes what comes.
  Headroom: 78 bytes cover the 52 that are needed (skb_cow).
gso   skb 3, its share among 14 packets
  The aggregate is cut before it is encapsulated: 14 segments of at most 1448 payload bytes (xfrm_output_gso,
      skb_segment).
  A buffer is allocated: a linear area from a kmalloc size class, 1728 bytes of room (__alloc_skb).
  Its segment is cut from skb 3: skb 33, 1448 payload bytes behind headers of its own (skb_segment).
  skb_segment copies the payload of a segment into its linear area, summing it in the same pass: 1448 bytes
      copied (skb_copy_and_csum_bits).
  Summed in the same pass as a copy, and priced there: 1448 bytes (skb_copy_and_csum_bits).
    before  [ headroom 78 | linear 52 | tail (190) ] + frags 1448 x 14   14 packets, gso_size 1448
    after   [ headroom 78 | linear 1500 | tail 150 ]
  skb 3 is freed: it was cut into segments (consume_skb).
xfrm-output   skb 33
  One transformation: ESP in tunnel mode (xfrm_output_one).
  Headroom: 78 bytes cover the 52 of outer headers and link layer (xfrm_skb_check_space).
`;

Deno.test("renderExplanation() of an ACK: copied whole by the driver, passed on by GRO, trailer in place", async () => {
  assertEquals(part(await storyOf(FRAMES, 5, "nocopy-gro"), "driver-rx", "ip-output"), ACK);
});

const ACK = `\
driver-rx   skb 4
  A buffer is allocated: a linear area carved from a page fragment, 320 bytes of room (__napi_alloc_skb).
  The driver takes the frame from its ring and builds an skb (napi poll).
  The driver copies a small frame whole into the linear area, rounded up to 8 bytes: 72 bytes copied
      (ixgbe_add_rx_frag).
    before  [ headroom 64 | linear 0 | tail 256 ]
    after   [ headroom 78 | linear 52 | tail 190 ]
gro   skb 4
  GRO passes it on at once: it has no payload, and only payload is merged (tcp_gro_receive).
forward   skb 4
  Routed to the tunnel, time to live decremented (ip_rcv, ip_forward).
  MTU: nothing is too large, with oversize=grow the link takes what comes.
  Headroom: 78 bytes cover the 52 that are needed (skb_cow).
xfrm-output   skb 4
  One transformation: ESP in tunnel mode (xfrm_output_one).
  Headroom: 78 bytes cover the 52 of outer headers and link layer (xfrm_skb_check_space).
esp-output   skb 4
  ESP under tx_tail=fragment: room for the trailer is needed (esp_output).
  Trailer of 20 bytes: in place, because nobody shares the buffer and the tailroom of 190 is enough
      (esp_output_head). Nothing is copied for it.
    before  [ headroom 78 | linear 52 | tail 190 ]
    after   [ headroom 78 | linear 72 | tail 170 ]
  Outer IP header, SPI, sequence number and IV are pushed: 36 bytes, headroom 78 to 42 (esp_output).
  56 bytes are encrypted in place, ICV of 16: 1 scatterlist entry (crypto_aead_encrypt).
    after   [ headroom 42 | linear 108 | tail 170 ]
`;

Deno.test("renderExplanation() of a packet whose time to live has run out", async () => {
  const story = await storyOf([tcpFrame({ ttl: 1 })], 1, "nocopy");
  assertEquals(story.slice(story.indexOf("\nforward") + 1), EXPIRED);
});

const EXPIRED = `\
forward   skb 0
  It is to be routed to the tunnel (ip_rcv, ip_forward).
  A buffer is allocated: a linear area from a kmalloc size class, 704 bytes of room (__alloc_skb).
  An ICMP error quotes the packet that it is about, summing it in the same pass: 548 bytes copied
      (skb_copy_and_csum_bits).
  Summed in the same pass as a copy, and priced there: 548 bytes (skb_copy_and_csum_bits).
  An answer leaves NIC 0 in the clear, skb 1 with 590 bytes: ICMP tells the sender that the time to live of
      its packet has run out (icmp_send).
  Transmission is complete: the buffer is freed (napi_consume_skb).
  Dropped: its time to live has run out (ip_forward).
  skb 0 is freed: it was dropped (kfree_skb).
napi
  The poll that took it has taken 1 frame: the poll ended before its budget; they share its cost
      (napi_complete_done).

Dropped in forward (ttl): 2 copies, 604 bytes copied (driver-pull 56, icmp-quote 548), cost and time.
`;

Deno.test("renderExplanation() of a packet that is too large for the tunnel, with DF and without", async () => {
  const story = await storyOf([tcpFrame()], 1, "nocopy", ["oversize=drop"]);
  assertEquals(part(story, "forward", "napi"), TOO_LARGE);
  const summary = "\nDropped in forward (pmtu): 2 copies, 604 bytes copied (driver-pull 56, icmp-quote 548)";
  assertStringIncludes(story, summary);
  const cut = await storyOf([tcpFrame({ fragmentWord: 0 })], 1, "nocopy", ["oversize=drop"]);
  assertEquals(part(cut, "ip-output", "qdisc"), CUT);
  assertEquals(cut.slice(cut.indexOf("\nqdisc")).includes("after"), false);
});

const TOO_LARGE = `\
forward   skb 0
  It is to be routed to the tunnel (ip_rcv, ip_forward).
  A buffer is allocated: a linear area from a kmalloc size class, 704 bytes of room (__alloc_skb).
  An ICMP error quotes the packet that it is about, summing it in the same pass: 548 bytes copied
      (skb_copy_and_csum_bits).
  Summed in the same pass as a copy, and priced there: 548 bytes (skb_copy_and_csum_bits).
  An answer leaves NIC 0 in the clear, skb 1 with 590 bytes: ICMP tells the sender which MTU its packet
      exceeds (icmp_send).
  Transmission is complete: the buffer is freed (napi_consume_skb).
  Dropped: 1500 bytes, 1446 fit into the tunnel, DF is set; ICMP says so to the sender (ip_exceeds_mtu).
  skb 0 is freed: it was dropped (kfree_skb).
`;

const CUT = `\
ip-output   skb 0
  Too large for the MTU of 1500 and DF is not set: cut into fragments (ip_fragment).
  A buffer is allocated: a linear area from a kmalloc size class, 1728 bytes of room (__alloc_skb).
  A finished packet above the MTU is copied into fragments (ip_fragment in 4.4): 1500 bytes copied
      (ip_frag_next).
  A buffer is allocated: a linear area from a kmalloc size class, 192 bytes of room (__alloc_skb).
  A finished packet above the MTU is copied into fragments (ip_fragment in 4.4): 76 bytes copied
      (ip_frag_next).
    before  [ headroom 42 | linear 76 | tail (202) ] + frags 1460 + 20
    after   [ headroom 16 | linear 76 | tail 100 ]
  skb 0 is freed: it was cut into segments (consume_skb).
`;

Deno.test("renderExplanation() of a packet that waits in the queue", async () => {
  const story = await storyOf(bulk(60), 20, "nocopy-gro", ["tx_ring=16", "link_gbps=0.1"]);
  assertStringIncludes(
    story,
    "  Others wait or a run goes on: it has to queue (__dev_xmit_skb).\n  skb 64 waits in the queue",
  );
  assertStringIncludes(story, "\n  skb 64 leaves the queue, ");
});

Deno.test("renderExplanation() of what does not arrive, or passes by, is one line", async () => {
  const arp = tcpFrame();
  arp.set([8, 6], 12);
  const frames = [tcpFrame(), arp, tcpFrame({ source: 0x01020304, payloadBytes: 0 })];
  assertEquals(
    await storyOf(frames, 2, "nocopy"),
    "Packet 2 of built.pcap passes by: it is not for ESP (not IP). 1 copy, 16 bytes copied (driver-pull 16), cost and time.\n",
  );
  assertEquals(
    await storyOf(frames, 3, "nocopy", ["tunnel=local"]),
    "Packet 3 of built.pcap is ignored: it does not come from our host (tunnel=local).\n",
  );
  assertEquals(JSON.parse(explanationJson(await lifeOf(frames, 3, "nocopy", ["tunnel=local"]))).outcome, "ignored");
});

Deno.test("explanationJson() has the shapes and the steps of every stage", async () => {
  const json = JSON.parse(explanationJson(await lifeOf(FRAMES, 4, "baseline")));
  const copies = json.stages.flatMap((stage: { steps: { event?: string; bytes: number }[] }) =>
    stage.steps.filter(({ event }) => event === "copy").map(({ bytes }) => bytes)
  );
  assertEquals(copies, [72, 130, 1448]);
  const esp = json.stages.find(({ stage }: { stage: string }) => stage === "esp-output");
  assertEquals([esp.before.headroom, esp.before.linear, esp.before.behind, esp.before.frags], [78, 52, 190, [1448]]);
  assertEquals(esp.steps.at(-1).buffer.linear, 1556);
  assertEquals([json.reason, json.path, json.config], [null, "forward", "baseline"]);
});

Deno.test("draw() shows fragments, list members, clones and aggregates, and says where it stops", () => {
  const plain: BufferShape = {
    skb: 1,
    headroom: 64,
    linear: 40,
    behind: 100,
    frags: [],
    fragList: [],
    cloned: false,
    headFrag: true,
    gsoSize: 0,
    gsoSegs: 0,
    bytes: 40,
    packets: 1,
  };
  assertEquals(draw(plain), ["[ headroom 64 | linear 40 | tail 100 ]"]);
  assertEquals(draw({ ...plain, cloned: true }), ["[ headroom 64 | linear 40 | tail 100 ]   cloned"]);
  assertEquals(draw({ ...plain, bytes: 90, frags: [10, 10, 10, 20, 20] }), [
    "[ headroom 64 | linear 40 | tail (100) ] + frags 10 x 3 + 20 + 20",
  ]);
  assertEquals(draw({ ...plain, bytes: 85, frags: [9, 1, 9, 1, 9, 1, 9, 1, 5] }), [
    "[ headroom 64 | linear 40 | tail (100) ] + frags 9 + 1 + 9 + 1 + ... (9 frags, 45 bytes)",
  ]);
  const fragList = new Array<BufferShape>(5).fill(plain);
  assertEquals(draw({ ...plain, bytes: 240, fragList, packets: 6, gsoSize: 40 }), [
    "[ headroom 64 | linear 40 | tail (100) ]   6 packets, gso_size 40",
    "-> [ headroom 64 | linear 40 | tail 100 ]",
    "-> [ headroom 64 | linear 40 | tail 100 ]",
    "-> [ headroom 64 | linear 40 | tail 100 ]",
    "-> 2 more",
  ]);
});
