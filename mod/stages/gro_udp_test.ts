/** GRO of UDP and its segmentation (`udp_gro`): the rules of udp_gro_receive_segment, and that all bytes come out again. */

import { assert, assertEquals } from "@std/assert";
import { inputOf, runOf } from "../replay/testing.ts";
import { buildPcap } from "../capture/testing.ts";
import { set16 } from "../wire/bytes.ts";
import { finish, partialSum, pseudoHeaderSum } from "../wire/checksum.ts";
import * as ipv4 from "../wire/ipv4.ts";
import { transportChecksumOk } from "../wire/transport_checksum.ts";
import * as udp from "../wire/udp.ts";
import { writeUdpSegment } from "./gso_udp.ts";
import { forwarded, innerPackets, StageFixture } from "./testing.ts";
import { datagramsOf, overIpv6, type UdpFrame, udpFrame } from "./testing_frames.ts";
import { receiveAll } from "./testing_polls.ts";

/** Six datagrams, of which the third is different. */
function third(change: UdpFrame, common: UdpFrame = {}): Uint8Array[] {
  return datagramsOf(6, { 2: change }, common);
}

interface Rule {
  readonly name: string;
  readonly frames: readonly Uint8Array[];
  readonly expected: readonly string[];
}

const RULES: readonly Rule[] = [
  { name: "datagrams of one length and flow are merged", frames: datagramsOf(6), expected: ["0-5:poll-end"] },
  {
    name: "a shorter one joins and ends the aggregate",
    frames: third({ payloadBytes: 999 }),
    expected: ["0-2:short-segment", "3-5:poll-end"],
  },
  {
    name: "a longer one ends the aggregate and begins another, which the next ones end",
    frames: third({ payloadBytes: 1001 }),
    expected: ["0-1:longer-segment", "2-3:short-segment", "4-5:poll-end"],
  },
  {
    name: "64 datagrams are the limit",
    frames: datagramsOf(70, {}, { payloadBytes: 10 }),
    expected: ["0-63:datagram-count", "64-69:poll-end"],
  },
  {
    name: "no checksum is no GRO, and leaves what is held alone",
    frames: third({ withoutChecksum: true }),
    // Its id is missing in the row of the others.
    expected: ["2", "0-1:ip-id", "3-5:poll-end"],
  },
  {
    name: "a wrong checksum is refused",
    frames: third({ checksumError: 1 }),
    expected: ["2", "0-1:ip-id", "3-5:poll-end"],
  },
  {
    name: "a UDP length beyond the packet is refused",
    frames: third({ lengthError: 1 }),
    expected: ["2", "0-1:ip-id", "3-5:poll-end"],
  },
  {
    name: "a UDP length below the packet is refused",
    frames: third({ lengthError: -1 }),
    expected: ["2", "0-1:ip-id", "3-5:poll-end"],
  },
  {
    name: "an empty datagram is refused",
    frames: third({ payloadBytes: 0 }),
    expected: ["2", "0-1:ip-id", "3-5:poll-end"],
  },
  {
    name: "a fragment is refused",
    frames: third({ fragmentWord: 0x2000 }),
    expected: ["2", "0-1:ip-id", "3-5:poll-end"],
  },
  {
    name: "another port is another flow",
    frames: third({ sourcePort: 41000, id: 100 }).map((frame, i) => i < 3 ? frame : udpFrame({ id: i, pattern: i })),
    expected: ["0-1 3-5:poll-end", "2:poll-end"],
  },
  {
    name: "another TTL goes apart",
    frames: third({ ttl: 63 }),
    expected: ["0-1:other-ttl", "2:other-ttl", "3-5:poll-end"],
  },
  {
    name: "another TOS goes apart",
    frames: third({ tos: 4 }),
    expected: ["0-1:other-tos", "2:other-tos", "3-5:poll-end"],
  },
  {
    name: "one IP id for all is accepted with DF",
    frames: datagramsOf(4, { 1: { id: 1 }, 2: { id: 1 }, 3: { id: 1 } }),
    expected: ["0-3:poll-end"],
  },
  {
    name: "a jump of the IP ids goes apart",
    frames: datagramsOf(4, { 2: { id: 9 }, 3: { id: 10 } }),
    expected: ["0-1:ip-id", "2-3:poll-end"],
  },
  {
    name: "an aggregate stays below 65536 bytes",
    frames: datagramsOf(52, {}, { payloadBytes: 1310 }),
    expected: ["0-49:size-limit", "50-51:poll-end"],
  },
  {
    name: "IPv6 is merged by its own rules",
    frames: [...datagramsOf(3).map((frame) => overIpv6(frame)), overIpv6(udpFrame(), { hopLimit: 1 })],
    expected: ["0-2:other-ttl", "3:poll-end"],
  },
];

for (const { name, frames, expected } of RULES) {
  Deno.test(`GRO of UDP, udp_gro=forward: ${name}`, () => {
    assertEquals(
      receiveAll(frames, ["era=6.1", "udp_gro=forward", "nic_rx_csum=off", "rx_hash=off"]).deliveries,
      expected,
    );
  });

  // A packet that is chained counts with its headers.
  const ofLists = name.includes("65536") ? ["0-48:size-limit", "49-51:poll-end"] : expected;
  Deno.test(`GRO of UDP, udp_gro=frag-list: ${name}`, () => {
    const sets = ["era=6.1", "udp_gro=frag-list", "nic_rx_csum=off", "rx_hash=off"];
    assertEquals(receiveAll(frames, sets).deliveries, ofLists);
  });
}

Deno.test("udp_gro=off holds no UDP but verifies its checksum", () => {
  const { deliveries, events } = receiveAll(datagramsOf(3), ["era=6.1", "nic_rx_csum=off"]);
  assertEquals(deliveries, ["0", "1", "2"]);
  assertEquals(events.of("checksum").length, 3);
});

Deno.test("a checksum is not verified of a packet that IP refuses, nor where there is none", () => {
  const padded = new Uint8Array([...udpFrame({ payloadBytes: 4 }), 0, 0]);
  const { events } = receiveAll([padded, udpFrame({ withoutChecksum: true })], ["era=6.1", "nic_rx_csum=off"]);
  assertEquals(events.of("checksum").length, 0);
});

Deno.test("a frag-list is what gro_overflow=stop does without, and what udp_gro=frag-list asks for", () => {
  const sets = ["era=6.1", "rx_layout=kmalloc", "gro_overflow=stop"];
  assertEquals(receiveAll(datagramsOf(3), [...sets, "udp_gro=forward"]).deliveries.length, 3);
  assertEquals(receiveAll(datagramsOf(3), [...sets, "udp_gro=frag-list"]).deliveries, ["0-2:poll-end"]);
});

Deno.test("writeUdpSegment() writes a checksum that holds, and 0xffff where it comes out as 0", () => {
  const fixture = new StageFixture();
  const { memory } = fixture.host.skbs;
  for (let fill = 0; fill < 3; fill++) {
    const frame = udpFrame({ payloadBytes: 4, pattern: fill });
    // Two bytes that make the sum 0xffff: the checksum that stands there with them as 0.
    if (fill > 0) {
      set16(frame, 44, 0);
      set16(frame, 40, 0);
      set16(frame, 44, finish(partialSum(frame, 34, 12, pseudoHeaderSum(frame, 14, 17, 12))));
    }
    const skb = fixture.linear(0, frame, 20);
    const payloadSum = partialSum(memory.u8, skb.dataAt + 28, 4);
    writeUdpSegment(memory.u8, skb, 0, 20, payloadSum);
    assertEquals(udp.length(memory.u8, skb.dataAt + 20), 12);
    assertEquals(transportChecksumOk(memory.u8, skb.dataAt, 17, skb.dataAt + 20, 12), true);
    assertEquals(udp.checksum(memory.u8, skb.dataAt + 20) === 0xffff, fill > 0);
  }
});

Deno.test("udp_gro=forward moves payload, frag-list whole packets; the headers say how long the whole is", () => {
  const [joined] = receiveAll(datagramsOf(3), ["era=6.1", "udp_gro=forward"]).rows;
  const [chained] = receiveAll(datagramsOf(3), ["era=6.1", "udp_gro=frag-list"]).rows;
  assertEquals(joined, {
    len: "3028",
    data_len: "3000",
    headlen: "28",
    nr_frags: "3",
    has_frag_list: "0",
    frag_list_n: "0",
    gso_size: "1000",
    gso_segs: "3",
    gso_type: "0x20000",
    ip_summed: "3",
    head_frag: "1",
    skb_cloned: "0",
    layout: "frags=1000/1000/1000",
  });
  assertEquals([chained!["layout"], chained!["gso_type"], chained!["ip_summed"]], [
    "frags=1000;fraglist=1000:0:1:0:598/1000:0:1:0:598",
    "0x60000",
    "1",
  ]);
});

Deno.test("a frag-list of packets that lie all in pages has their headers pulled", () => {
  const sets = ["era=6.1", "udp_gro=frag-list", "rx_layout=frags:1"];
  const { events, rows } = receiveAll(datagramsOf(2), sets);
  assertEquals(events.copies, { "driver-rx eth-header": 28, "gro frag0-pull": 28, "gro pull-tail": 28 });
  assertEquals(rows[0]!["layout"], "frags=1000;fraglist=1000:0:1:0:598");
});

const LAYOUTS = ["page-frag", "kmalloc", "build-skb", "frags:1", "hdrsplit:2"];

for (const udpGro of ["off", "forward", "frag-list"]) {
  for (const layout of LAYOUTS) {
    Deno.test(`what UDP GRO merged is cut again: udp_gro=${udpGro}, rx_layout=${layout}`, async () => {
      const frames = [
        ...datagramsOf(20),
        ...datagramsOf(12, { 11: { payloadBytes: 700 } }, { id: 100, sourcePort: 41000 }),
      ];
      const input = inputOf(buildPcap({}, frames.map((bytes, i) => ({ seconds: 1, fraction: i, bytes }))));
      const sets = ["era=6.1", `udp_gro=${udpGro}`, `rx_layout=${layout}`, "rx_hash=off"];
      const { run, sent, events } = await runOf(input, "nocopy-gro", sets);
      assertEquals(run.failures, []);
      assertEquals(events.of("merge").length, udpGro === "off" ? 0 : 30);
      // Members of a list keep the time to live that they came with: forwarding changed that of the first.
      const expected = frames.map((frame, i) => {
        return udpGro === "frag-list" && i !== 0 && i !== 20 ? frame.subarray(14) : forwarded(frame);
      });
      // The second flow ends first, at its short datagram.
      const sorted = (packets: readonly Uint8Array[]): string[] => packets.map((packet) => packet.toHex()).toSorted();
      assertEquals(sorted(innerPackets({ run, sent, events })), sorted(expected));
      assert(expected.every((packet) => ipv4.headerChecksumOk(packet, 0)));
    });
  }
}
