/**
 * Table 10.1 of the kernel's rules, rows of path `forward` without offload: how often each payload byte is copied, summed
 * and encrypted, read off the ledger.
 *
 * One pass over the payload is a sum of bytes that is a multiple of the payload; headers and trailers come on top, tens of
 * bytes per packet, which `passes()` leaves out.
 */

import { assertEquals } from "@std/assert";
import { bulk, captureOf, runOf } from "./testing.ts";

const FRAMES = 60;

/** Passes over the payload. */
interface Passes {
  readonly copy: number;
  readonly checksum: number;
  readonly crypt: number;
}

interface Row {
  readonly name: string;
  readonly sets: readonly string[];
  /** Bytes of payload of each packet, 1460 unless the row is about the size class of segments. */
  readonly payloadBytes?: number;
  readonly passes: Passes;
}

const ERA_4_4 = ["era=4.4", "tx_tail=linearize", "rx_layout=page-frag"];
const ERA_6_1 = ["era=6.1", "tx_tail=fragment", "tx_dst=new-page"];
const GRO_XFRM = ["gro=on", "gso=xfrm"];
const GRO_LAYER_2 = ["gro=on", "gso=l2"];
const NO_GRO = ["gro=off", "gso=off"];

const ROWS: readonly Row[] = [
  {
    name: "4.4 forward, GRO off",
    sets: [...ERA_4_4, ...NO_GRO],
    passes: { copy: 1, checksum: 0, crypt: 1 },
  },
  {
    name: "4.4 forward, GRO on, checksum verified by the NIC",
    sets: [...ERA_4_4, ...GRO_XFRM, "nic_rx_csum=on"],
    passes: { copy: 1, checksum: 1, crypt: 1 },
  },
  {
    name: "4.4 forward, GRO on, checksum verified by the CPU",
    sets: [...ERA_4_4, ...GRO_XFRM, "nic_rx_csum=off"],
    passes: { copy: 1, checksum: 2, crypt: 1 },
  },
  {
    // 580 + 40 + 78 bytes of headroom leave 6 of a head of 704: less than the trailer.
    name: "4.4 forward, GRO on, segments without room for the trailer",
    sets: [...ERA_4_4, ...GRO_XFRM],
    payloadBytes: 580,
    passes: { copy: 2, checksum: 1, crypt: 1 },
  },
  {
    name: "6.1 forward, GRO, layer 2, checksum verified by the NIC",
    sets: [...ERA_6_1, ...GRO_LAYER_2, "rx_layout=build-skb"],
    passes: { copy: 1, checksum: 1, crypt: 1 },
  },
  {
    name: "6.1 forward, GRO, layer 2, checksum verified by the CPU",
    sets: [...ERA_6_1, ...GRO_LAYER_2, "rx_layout=build-skb", "nic_rx_csum=off"],
    passes: { copy: 1, checksum: 2, crypt: 1 },
  },
  {
    name: "6.1 forward, GRO, layer 2, segments without room for the trailer: a tiny fragment",
    sets: [...ERA_6_1, ...GRO_LAYER_2, "rx_layout=page-frag"],
    payloadBytes: 560,
    passes: { copy: 1, checksum: 1, crypt: 1 },
  },
  {
    name: "6.1 forward, GRO, no layer-2 path",
    sets: [...ERA_6_1, ...GRO_XFRM, "rx_layout=build-skb"],
    passes: { copy: 1, checksum: 1, crypt: 1 },
  },
  {
    name: "6.1 forward, GRO, no layer-2 path, checksum verified by the CPU",
    sets: [...ERA_6_1, ...GRO_XFRM, "rx_layout=build-skb", "nic_rx_csum=off"],
    passes: { copy: 1, checksum: 2, crypt: 1 },
  },
  {
    name: "6.1 forward, GRO off, BS",
    sets: [...ERA_6_1, ...NO_GRO, "rx_layout=build-skb"],
    passes: { copy: 0, checksum: 0, crypt: 1 },
  },
  {
    name: "6.1 forward, GRO off, PF",
    sets: [...ERA_6_1, ...NO_GRO, "rx_layout=page-frag"],
    passes: { copy: 1, checksum: 0, crypt: 1 },
  },
];

for (const ip of [4, 6]) {
  for (const { name, sets, payloadBytes = 1460, passes } of ROWS) {
    Deno.test(`table 10.1, ${name}, outer IPv${ip}`, async () => {
      const input = captureOf(bulk(FRAMES, { payloadBytes }));
      const { run } = await runOf(input, "baseline", [...sets, `ip=${ip}`]);
      assertEquals(run.failures, []);
      const payload = FRAMES * payloadBytes;
      const passesOf = (bytes: number): number => Math.floor(bytes / payload);
      assertEquals(run.tally.sum({ event: "send" }).payloadBytes, payload);
      assertEquals({
        copy: passesOf(run.tally.sum({ event: "copy" }).bytes),
        checksum: passesOf(run.tally.sum({ event: "checksum" }).bytes),
        crypt: passesOf(run.tally.sum({ event: "seal" }).bytes),
      }, passes);
    });
  }
}
