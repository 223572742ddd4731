/** GRO of TCP over IPv6, rule by rule (linux-datapath 5.4, 15.8), with what the recordings cannot show: the rules of 4.4. */

import { assertEquals } from "@std/assert";
import { type TcpFrame } from "../replay/testing.ts";
import { partialSum, pseudoHeaderSumIpv6 } from "../wire/checksum.ts";
import { ETH_HLEN } from "../wire/ethernet.ts";
import * as protocols from "../wire/ip_protocol.ts";
import * as ipv6 from "../wire/ipv6.ts";
import { flowOf } from "./testing.ts";
import { type Ipv6Fields, overIpv6, PADDING_OPTIONS } from "./testing_frames.ts";
import { receiveAll } from "./testing_polls.ts";

type Era = "4.4" | "6.1";
const ERAS: readonly Era[] = ["4.4", "6.1"];
const OTHER_OPTIONS = Uint8Array.of(0, 0, 1, 4, 0, 0, 0, 1);
const ROUTING = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0);
const FIRST_FRAGMENT = Uint8Array.of(0, 0, 0, 1, 0, 0, 0, 7);

/** Six segments over IPv6, `change` made to the third, `common` to all. */
function third(change: Ipv6Fields, common: Ipv6Fields = {}, tcp: TcpFrame = {}): Uint8Array[] {
  return flowOf(6, {}, tcp).map((frame, i) => overIpv6(frame, { ...common, ...i === 2 ? change : {} }));
}

function apart(reason: string): string[] {
  return [`0-1:${reason}`, `2:${reason}`, "3-5:poll-end"];
}

interface Rule {
  readonly name: string;
  readonly frames: readonly Uint8Array[];
  readonly expected: readonly string[] | Readonly<Record<Era, readonly string[]>>;
}

const RULES: readonly Rule[] = [
  { name: "segments in order are merged", frames: third({}), expected: ["0-5:poll-end"] },
  { name: "another traffic class goes apart", frames: third({ trafficClass: 4 }), expected: apart("other-tos") },
  {
    name: "another hop limit goes apart; in 4.4 it is another flow, held beside the first",
    frames: third({ hopLimit: 63 }),
    expected: {
      "4.4": ["0-1:sequence", "2:poll-end", "3-5:poll-end"],
      "6.1": apart("other-ttl"),
    },
  },
  {
    name: "another flow label is another flow",
    frames: third({ flowLabel: 7 }),
    // The gap that it leaves behind ends the aggregate.
    expected: ["0-1:sequence", "2:poll-end", "3-5:poll-end"],
  },
  {
    name: "bytes behind the packet are refused, and the flow goes up first",
    frames: third({ trailing: 3 }),
    expected: ["0-1:ip-refused", "2", "3-5:poll-end"],
  },
  {
    name: "a payload length beyond the frame is refused, and the flow goes up first",
    frames: third({ lengthError: 4 }),
    expected: ["0-1:ip-refused", "2", "3-5:poll-end"],
  },
  ...([
    ["hop-by-hop options", protocols.PROTOCOL_HOP_BY_HOP, PADDING_OPTIONS],
    ["destination options", protocols.PROTOCOL_DESTINATION_OPTIONS, PADDING_OPTIONS],
    ["a routing header", protocols.PROTOCOL_ROUTING, ROUTING],
  ] as const).flatMap(([name, protocol, bytes]) => [
    { name: `${name}, the same on all, are merged`, frames: third({}, { extensions: [[protocol, bytes]] }) },
    {
      name: `${name} on one packet make another flow`,
      frames: third({ extensions: [[protocol, bytes]] }),
      expected: ["0-1:sequence", "2:poll-end", "3-5:poll-end"],
    },
  ]).map((rule) => ({ expected: ["0-5:poll-end"], ...rule })),
  {
    name: "other options of the same length make another flow",
    frames: third({ extensions: [[protocols.PROTOCOL_HOP_BY_HOP, OTHER_OPTIONS]] }, {
      extensions: [[protocols.PROTOCOL_HOP_BY_HOP, PADDING_OPTIONS]],
    }),
    expected: ["0-1:sequence", "2:poll-end", "3-5:poll-end"],
  },
  {
    name: "two extension headers, the same on all, are merged",
    frames: third({}, {
      extensions: [[protocols.PROTOCOL_HOP_BY_HOP, PADDING_OPTIONS], [
        protocols.PROTOCOL_DESTINATION_OPTIONS,
        PADDING_OPTIONS,
      ]],
    }),
    expected: ["0-5:poll-end"],
  },
  {
    name: "a fragment header is refused, and the packet overtakes what is held",
    frames: third({ extensions: [[protocols.PROTOCOL_FRAGMENT, FIRST_FRAGMENT]] }),
    expected: ["2", "0-1:sequence", "3-5:poll-end"],
  },
  {
    name: "IPv4 of the same ports is another flow",
    frames: third({}).flatMap((frame, i) => [frame, flowOf(6)[i]!]),
    expected: ["0 2 4 6 8 10:poll-end", "1 3 5 7 9 11:poll-end"],
  },
];

for (const era of ERAS) {
  for (const { name, frames, expected } of RULES) {
    Deno.test(`GRO of ${era} over IPv6: ${name}`, () => {
      const { deliveries } = receiveAll(frames, [`era=${era}`, "rx_hash=off"]);
      assertEquals(deliveries, "4.4" in expected ? expected[era] : expected);
    });
  }

  Deno.test(`GRO of ${era} over IPv6 leaves the lengths of the whole and the pseudo-header's sum in the headers`, () => {
    for (const extensionBytes of [0, 8]) {
      const extensions = extensionBytes === 0 ? [] : [[protocols.PROTOCOL_HOP_BY_HOP, PADDING_OPTIONS] as const];
      const { buffers, rows } = receiveAll(third({}, { extensions }), [`era=${era}`]);
      const transportBytes = 20 + 6 * 1460;
      assertEquals(buffers[0]!.length, 40 + extensionBytes + transportBytes);
      assertEquals(ipv6.payloadLength(buffers[0]!, 0), extensionBytes + transportBytes);
      const checksum = buffers[0]!.subarray(40 + extensionBytes + 16).subarray(0, 2);
      const pseudo = pseudoHeaderSumIpv6(buffers[0]!, 0, protocols.PROTOCOL_TCP, transportBytes);
      assertEquals((checksum[0]! << 8) | checksum[1]!, pseudo);
      assertEquals([rows[0]!["gso_type"], rows[0]!["gso_size"], rows[0]!["gso_segs"]], ["0x10", "1460", "6"]);
    }
  });

  Deno.test(`GRO of ${era} over IPv6: the CPU verifies what the NIC has not, header and payload of the transport`, () => {
    const extensions = [[protocols.PROTOCOL_DESTINATION_OPTIONS, PADDING_OPTIONS]] as const;
    const frames = third({}, { extensions });
    frames[2]![frames[2]!.length - 1]! ^= 1;
    const { events, deliveries } = receiveAll(frames, [`era=${era}`, "nic_rx_csum=off"]);
    assertEquals(events.of("checksum").map(({ bytes }) => bytes), Array(6).fill(1480));
    assertEquals(deliveries, ["2", "0-1:sequence", "3-5:poll-end"]);
    assertEquals(
      partialSum(frames[0]!, ETH_HLEN + 48, 1480, pseudoHeaderSumIpv6(frames[0]!, ETH_HLEN, 6, 1480)),
      0xffff,
    );
  });
}
