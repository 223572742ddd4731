/** Path send: datagrams, fragments of a capture, and what is no IP. */

import { assert, assertEquals } from "@std/assert";
import * as fc from "fast-check";
import { SUMMARY_COLUMNS } from "../report/summary.ts";
import { innerPackets } from "../stages/testing.ts";
import { datagramsOf, overIpv6, udpFrame } from "../stages/testing_frames.ts";
import { set16 } from "../wire/bytes.ts";
import { ETH_HLEN } from "../wire/ethernet.ts";
import { FrameFacts } from "../wire/frame_facts.ts";
import { PROTOCOL_UDP } from "../wire/ip_protocol.ts";
import * as ipv4 from "../wire/ipv4.ts";
import { LINKTYPE_RAW } from "../wire/link_types.ts";
import { transportChecksumOk } from "../wire/transport_checksum.ts";
import { captureOf, runOf, type TestRun } from "./testing.ts";

async function send(frames: readonly Uint8Array[], preset: string, ...sets: string[]): Promise<TestRun> {
  const testRun = await runOf(captureOf(frames), preset, ["path=send", ...sets]);
  assertEquals(testRun.run.failures, []);
  return testRun;
}

function summaryOf({ run }: TestRun, column: string): number {
  return Number(SUMMARY_COLUMNS.find(({ name }) => name === column)!.value({ number: 1, run }));
}

/** An IPv4 frame cut into fragments with `bytes` bytes of data each. */
function fragmentsOf(frame: Uint8Array, bytes: number): Uint8Array[] {
  const data = frame.subarray(ETH_HLEN + 20);
  const fragments: Uint8Array[] = [];
  for (let at = 0; at < data.length; at += bytes) {
    const part = data.subarray(at, at + bytes);
    const fragment = new Uint8Array(ETH_HLEN + 20 + part.length);
    fragment.set(frame.subarray(0, ETH_HLEN + 20));
    fragment.set(part, ETH_HLEN + 20);
    ipv4.setTotalLength(fragment, ETH_HLEN, 20 + part.length);
    set16(fragment, ETH_HLEN + 6, (at / 8) | (at + bytes < data.length ? ipv4.FLAG_MF : 0));
    ipv4.writeHeaderChecksum(fragment, ETH_HLEN);
    fragments.push(fragment);
  }
  return fragments;
}

/** The data behind the IP header, of which UDP checksums must be right. */
function dataOf(packet: Uint8Array): string {
  const facts = new FrameFacts();
  facts.read(packet, 0, packet.length, packet.length, LINKTYPE_RAW);
  const { protocol, transportAt, transportBytes } = facts;
  if (protocol === PROTOCOL_UDP && !facts.isFragment) {
    assert(transportChecksumOk(packet, 0, protocol, transportAt, transportBytes));
  }
  return packet.subarray(transportAt, transportAt + transportBytes).toHex();
}

Deno.test("path send gives back datagrams of any size that fits, over both versions, summed once", async () => {
  const sizes = fc.array(fc.integer({ min: 0, max: 1300 }), { minLength: 1, maxLength: 20 });
  await fc.assert(
    fc.asyncProperty(
      sizes,
      fc.constantFrom("linux-4.4", "linux-6.1", "linux-6.1-module"),
      fc.boolean(),
      async (all, preset, isIpv6) => {
        const frames = all.map((payloadBytes, i) => udpFrame({ payloadBytes, id: i + 1, pattern: i }))
          .map((frame) => isIpv6 ? overIpv6(frame) : frame);
        const testRun = await send(frames, preset, "mode=tunnel");
        assertEquals(innerPackets(testRun).map(dataOf), frames.map((frame) => dataOf(frame.subarray(ETH_HLEN))));
        const payload = all.reduce((sum, bytes) => sum + bytes, 0);
        assertEquals(testRun.run.tally.sum({ event: "user-copy" }).bytes, payload);
        // Over IPv6 the CPU sums header and payload before ESP, over IPv4 the payload as it is copied.
        assertEquals(summaryOf(testRun, "checksum_bytes"), isIpv6 ? payload + 8 * all.length : payload);
        assertEquals(testRun.events.copies, {});
      },
    ),
    { numRuns: 40 },
  );
});

Deno.test("path send puts captured fragments together to the datagram that the socket sent", async () => {
  const whole = udpFrame({ payloadBytes: 4000, fragmentWord: 0, id: 9 });
  const asOne = await send([whole], "linux-6.1");
  const fragments = fragmentsOf(whole, 1480);
  for (const order of [[0, 1, 2], [2, 0, 1]]) {
    const testRun = await send(order.map((i) => fragments[i]!), "linux-6.1");
    assertEquals(testRun.sent.map(({ bytes }) => bytes), asOne.sent.map(({ bytes }) => bytes));
    assertEquals([summaryOf(testRun, "packets_in"), testRun.run.tally.sum({ event: "send" }).count], [3, 3]);
    assertEquals(testRun.run.tally.sum({ event: "send" }).payloadBytes, 4000);
  }
});

Deno.test("path send fills in fragments that the capture lacks, and says so", async () => {
  const [first, , last] = fragmentsOf(udpFrame({ payloadBytes: 4000, fragmentWord: 0 }), 1480);
  const testRun = await send([first!, last!], "linux-6.1");
  assertEquals(testRun.events.of("seal").map(({ bytes }) => bytes), [4012]);
  assert(testRun.run.warnings.includes("1 datagrams lack fragments in the capture: filled with a fixed pattern"));
  const cut = await send([first!], "linux-6.1");
  assertEquals(cut.events.of("seal").length, 1);
  // Any fragment knows the addresses.
  const headless = await send([last!], "linux-6.1", "mode=none");
  assertEquals(headless.sent.length, 3);
  for (const { bytes } of headless.sent) assertEquals(bytes.subarray(26, 34), first!.subarray(26, 34));
});

Deno.test("path send fragments IPv6 datagrams before ESP in the tunnel, and behind it in transport mode", async () => {
  const frame = overIpv6(udpFrame({ payloadBytes: 3000 }));
  const tunnel = await send([frame], "linux-6.1", "mode=tunnel", "ip=6");
  assertEquals(tunnel.events.of("seal").map(({ count }) => count), [1, 1, 1]);
  // The fragments behind the first lack headroom for the outer header.
  assertEquals(tunnel.events.copies, { "xfrm-output expand-head": 1440 + 320 });
  const transport = await send([frame], "linux-6.1", "mode=transport");
  assertEquals(transport.events.of("seal").map(({ count }) => count), [3]);
  assertEquals(transport.events.copies, {});
  assertEquals(transport.sent.map(({ bytes }) => bytes.length), [1510, 1510, 210]);
});

Deno.test("path send sends other protocols as they are, and counts what is no IP apart", async () => {
  const arp = new Uint8Array(60);
  arp.set([255, 255, 255, 255, 255, 255, 2, 0, 0, 0, 0, 1, 8, 6]);
  const icmp = udpFrame({ payloadBytes: 100 });
  icmp[ETH_HLEN + 9] = 1;
  ipv4.writeHeaderChecksum(icmp, ETH_HLEN);
  const testRun = await send([arp, icmp, ...datagramsOf(2)], "nocopy", "mode=tunnel");
  assertEquals([summaryOf(testRun, "packets_in"), summaryOf(testRun, "bypassed")], [3, 1]);
  assertEquals(dataOf(innerPackets(testRun)[0]!), icmp.subarray(ETH_HLEN + 20).toHex());
});

Deno.test("path send keeps an IPv4 checksum of 0: the process wants none", async () => {
  const testRun = await send([udpFrame({ withoutChecksum: true })], "linux-6.1", "mode=tunnel");
  assertEquals(innerPackets(testRun)[0]!.subarray(26, 28), Uint8Array.of(0, 0));
});
