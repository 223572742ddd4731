/** What is linear after GRO has read the headers of a frame that lies in pages (linux-datapath 5.1, frag0). */

import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { type Recorder, type TcpFrame, tcpFrame } from "../replay/testing.ts";
import { ETH_HLEN } from "../wire/ethernet.ts";
import * as protocols from "../wire/ip_protocol.ts";
import { overIpv6, PADDING_OPTIONS, udpFrame } from "./testing_frames.ts";
import { receiveAll, type Received } from "./testing_polls.ts";

const TIMESTAMP = Uint8Array.of(1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2);

function receive(frame: Uint8Array, ...sets: string[]): Received {
  return receiveAll([frame], ["era=6.1", "rx_layout=frags:1", ...sets]);
}

/** "frag0-pull 40" for each copy, in order. */
function copies(events: Recorder): string[] {
  return events.of("copy").map(({ reason, bytes }) => `${reason} ${bytes}`);
}

/** A TCP frame with one header byte changed. */
function damaged(offset: number, value: number, fields: TcpFrame = {}): Uint8Array {
  const frame = tcpFrame(fields);
  frame[offset] = value;
  return frame;
}

const HOP_BY_HOP = [protocols.PROTOCOL_HOP_BY_HOP, PADDING_OPTIONS] as const;
const LONG_OPTIONS = [
  protocols.PROTOCOL_DESTINATION_OPTIONS,
  Uint8Array.of(0, 1, 1, 12, ...Array<number>(12).fill(0)),
] as const;

const READ: [name: string, frame: Uint8Array, expected: string[]][] = [
  ["TCP", tcpFrame(), ["eth-header 14", "frag0-pull 40"]],
  ["TCP with options", tcpFrame({ options: TIMESTAMP }), ["eth-header 14", "frag0-pull 52"]],
  ["TCP with padding behind it", tcpFrame({ payloadBytes: 0, padding: 6 }), ["eth-header 14", "frag0-pull 40"]],
  ["TCP with a header of 16 bytes", damaged(46, 4 << 4), ["eth-header 14", "frag0-pull 20"]],
  ["a TCP header that is cut off", tcpFrame({ payloadBytes: 0 }).subarray(0, 50), ["eth-header 14", "frag0-pull 20"]],
  ["UDP", udpFrame(), ["eth-header 14", "frag0-pull 20"]],
  ["ICMP", damaged(23, protocols.PROTOCOL_ICMP), ["eth-header 14"]],
  ["IP options", tcpFrame({ ipOptions: Uint8Array.of(1, 1, 1, 0) }), ["eth-header 14"]],
  ["a wrong IP header checksum", damaged(24, 0), ["eth-header 14"]],
  ["a fragment", tcpFrame({ fragmentWord: 0x2000 }), ["eth-header 14"]],
  ["another EtherType", damaged(12, 0x12), ["eth-header 14"]],
  ["an IP header that is cut off", tcpFrame().subarray(0, 33), ["eth-header 14"]],
  ["TCP over IPv6", overIpv6(tcpFrame()), ["eth-header 14", "frag0-pull 60"]],
  ["UDP over IPv6", overIpv6(udpFrame()), ["eth-header 14", "frag0-pull 40"]],
  [
    "TCP behind an extension header, pulled piece by piece",
    overIpv6(tcpFrame({ options: TIMESTAMP }), { extensions: [HOP_BY_HOP] }),
    ["eth-header 14", "pull-tail 40", "pull-tail 8", "pull-tail 20", "pull-tail 12"],
  ],
  [
    "TCP behind a long extension header",
    overIpv6(tcpFrame(), { extensions: [LONG_OPTIONS] }),
    ["eth-header 14", "pull-tail 40", "pull-tail 8", "pull-tail 8", "pull-tail 20"],
  ],
  [
    "a fragment header",
    overIpv6(tcpFrame(), { extensions: [[protocols.PROTOCOL_FRAGMENT, PADDING_OPTIONS]] }),
    ["eth-header 14", "pull-tail 40"],
  ],
  [
    "an extension header that claims more than there is",
    overIpv6(tcpFrame({ payloadBytes: 0 }), {
      extensions: [[protocols.PROTOCOL_HOP_BY_HOP, Uint8Array.of(0, 200, 0, 0, 0, 0, 0, 0)]],
    }),
    ["eth-header 14", "pull-tail 40", "pull-tail 8"],
  ],
];

for (const [name, frame, expected] of READ) {
  Deno.test(`GRO pulls what it has read of a frame in one page: ${name}`, () => {
    assertEquals(copies(receive(frame).events), expected);
  });
}

Deno.test("GRO sums before it reads a TCP header: a wrong checksum leaves that in the page", () => {
  const { events } = receive(tcpFrame({ checksumError: 1 }), "nic_rx_csum=off");
  assertEquals(copies(events), ["eth-header 14", "frag0-pull 20"]);
});

Deno.test("gro=off takes the Ethernet header off a frame in pages and no more", () => {
  assertEquals(copies(receive(tcpFrame(), "gro=off").events), ["eth-header 14"]);
});

Deno.test("headers that the first piece does not hold are pulled, layer by layer", () => {
  // Pieces of 60 / 10 = 6 bytes, of 120 bytes in 17 pieces of 8, of 400 in 10 pieces of 40.
  const small = receive(tcpFrame({ payloadBytes: 6 }), "rx_layout=frags:10");
  assertEquals(copies(small.events), ["pull-tail 14", "pull-tail 20", "pull-tail 20"]);
  const middle = receive(tcpFrame({ payloadBytes: 346 }), "rx_layout=frags:10");
  assertEquals(copies(middle.events), ["eth-header 14", "pull-tail 40"]);
  assertEquals(middle.rows[0]!["layout"], "frags=26/40/40/40/40/40/40/40/40");
});

Deno.test("of a frame whose Ethernet header alone is linear, 6.1 reads on in the page, and 4.4 pulls", () => {
  // eth_get_headlen ends at a header that is none.
  const frame = damaged(ETH_HLEN, 0x44);
  const sets = ["rx_layout=page-frag"];
  assertEquals(copies(receive(frame, ...sets).events), ["driver-pull 16"]);
  assertEquals(copies(receive(frame, ...sets, "era=4.4").events), ["driver-pull 16", "pull-tail 20"]);
});

Deno.test("an extension header that claims more than there is leaves nothing to sum", () => {
  const extensions = [[protocols.PROTOCOL_HOP_BY_HOP, Uint8Array.of(0, 200, 0, 0, 0, 0, 0, 0)]] as const;
  const { events, deliveries } = receive(overIpv6(tcpFrame(), { extensions }), "nic_rx_csum=off");
  assertEquals([events.of("checksum").length, deliveries], [0, ["0"]]);
});

Deno.test("whatever the pieces, a flow in pages is merged to the same bytes", () => {
  const frames = Array.from({ length: 4 }, (_, i) => {
    return tcpFrame({ payloadBytes: 300, sequence: 1000 + 300 * i, id: i, pattern: i, options: TIMESTAMP });
  });
  const expected = receiveAll(frames, ["era=6.1"]).buffers[0]!.toHex();
  fc.assert(fc.property(
    fc.integer({ min: 1, max: 17 }),
    fc.constantFrom("frags", "hdrsplit"),
    fc.constantFrom("4.4", "6.1"),
    fc.constantFrom("on", "off"),
    (pages, layout, era, checksum) => {
      const sets = [`rx_layout=${layout}:${pages}`, `era=${era}`, `nic_rx_csum=${checksum}`];
      const { deliveries, buffers } = receiveAll(frames, sets);
      assertEquals(deliveries, ["0-3:poll-end"]);
      assertEquals(buffers[0]!.toHex(), expected);
    },
  ));
});

Deno.test("a piece that ends with the headers stays in an aggregate as a fragment of no bytes, as in Linux", () => {
  const frames = [0, 1].map((i) => tcpFrame({ payloadBytes: 54, sequence: 1000 + 54 * i, id: i }));
  const { rows, buffers } = receiveAll(frames, ["era=6.1", "rx_layout=frags:2"]);
  assertEquals(rows[0]!["layout"], "frags=54/0/54");
  assertEquals(buffers[0]!.length, 40 + 108);
  assertEquals(buffers[0]!.subarray(94).toHex(), frames[1]!.subarray(ETH_HLEN + 40).toHex());
});
