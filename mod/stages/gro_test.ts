/** GRO, rule by rule: who is merged with whom, what goes up when, and in which order (linux-datapath 5.1 to 5.8). */

import { assertEquals } from "@std/assert";
import { captureOf, type Recorder, runOf, type TcpFrame, tcpFrame } from "../replay/testing.ts";
import { set16 } from "../wire/bytes.ts";
import { finish, partialSum } from "../wire/checksum.ts";
import { PROTOCOL_UDP } from "../wire/ip_protocol.ts";
import * as ipv4 from "../wire/ipv4.ts";
import * as tcp from "../wire/tcp.ts";
import { deliveries, flowOf, interleaved } from "./testing.ts";

type Era = "4.4" | "6.1";
const ERAS: readonly Era[] = ["4.4", "6.1"];

const DF = 0x4000;
const MF = 0x2000;
const TIMESTAMP = Uint8Array.of(1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2);
const LATER_TIMESTAMP = Uint8Array.of(1, 1, 8, 10, 0, 0, 0, 2, 0, 0, 0, 2);
const SACK = Uint8Array.of(1, 1, 5, 10, 0, 0, 0, 9, 0, 0, 0, 12);
/** Offset of the TCP header in a frame without IP options. */
const TCP_AT = 34;

async function merge(frames: readonly Uint8Array[], era: Era, sets: readonly string[] = []): Promise<Recorder> {
  const { run, events } = await runOf(captureOf(frames), "nocopy-gro", [`era=${era}`, "engine=skip", ...sets]);
  assertEquals(run.failures, []);
  return events;
}

interface Rule {
  readonly name: string;
  readonly frames: readonly Uint8Array[];
  readonly sets?: readonly string[];
  /** Deliveries in order, as `deliveries()` writes them; one list for both eras, or one for each. */
  readonly expected: readonly string[] | Readonly<Record<Era, readonly string[]>>;
}

/** Six segments, of which the third is different. */
function third(change: TcpFrame, common: TcpFrame = {}): Uint8Array[] {
  return flowOf(6, { 2: change }, common);
}

/** Six segments, of which the third is changed where no field stands for it; its TCP checksum is right all the same. */
function thirdEdited(edit: (frame: Uint8Array) => void): Uint8Array[] {
  const frames = flowOf(6);
  const frame = frames[2]!;
  const before = partialSum(frame, TCP_AT, frame.length - TCP_AT);
  edit(frame);
  const after = partialSum(frame, TCP_AT, frame.length - TCP_AT);
  const held = (frame[TCP_AT + 16]! << 8) | frame[TCP_AT + 17]!;
  set16(frame, TCP_AT + 16, finish((held ^ 0xffff) + after + (before ^ 0xffff)));
  return frames;
}

/** Segments with these IP ids. */
function idsOf(ids: readonly number[], fragmentWord: number = DF): Uint8Array[] {
  return flowOf(ids.length, Object.fromEntries(ids.map((id, i) => [i, { id }])), { fragmentWord });
}

/** Five segments that make an IP packet of 65532 + `lastBytes` bytes. */
function nearly64KiB(lastBytes: number, sourcePort: number): Uint8Array[] {
  return flowOf(5, { 4: { payloadBytes: lastBytes, sourcePort } }, { payloadBytes: 16373, sourcePort });
}

/** A UDP packet with the bytes of a TCP header, small enough to be all in the linear area. */
function udpFrame(): Uint8Array {
  const frame = tcpFrame({ payloadBytes: 100 });
  frame[14 + ipv4.OFFSET_PROTOCOL] = PROTOCOL_UDP;
  ipv4.writeHeaderChecksum(frame, 14);
  set16(frame, TCP_AT + 4, frame.length - TCP_AT);
  set16(frame, TCP_AT + 6, 0);
  return frame;
}

/** What is left of six segments of which the third is different in one way. */
function apart(reason: string): string[] {
  return [`0-1:${reason}`, `2:${reason}`, "3-5:poll-end"];
}

const RULES: readonly Rule[] = [
  { name: "segments in order are merged", frames: flowOf(6), expected: ["0-5:poll-end"] },

  // Words that have to be equal.
  { name: "another window goes apart", frames: third({ window: 511 }), expected: apart("window") },
  {
    name: "another acknowledgment number goes apart",
    frames: third({ acknowledgment: 2 }),
    expected: apart("acknowledgment"),
  },
  {
    name: "ECE on one packet goes apart",
    frames: third({ flags: tcp.FLAG_ACK | tcp.FLAG_ECE }),
    expected: apart("tcp-flags"),
  },
  {
    name: "CWR begins an aggregate, and the next packets without it join",
    frames: third({ flags: tcp.FLAG_ACK | tcp.FLAG_CWR }),
    expected: ["0-1:tcp-flags", "2-5:poll-end"],
  },
  {
    name: "a reserved bit beside the data offset goes apart",
    frames: thirdEdited((frame) => frame[TCP_AT + tcp.OFFSET_DATA_OFFSET]! |= 2),
    expected: apart("tcp-flags"),
  },
  {
    name: "a packet without ACK goes apart",
    frames: third({ flags: 0 }),
    expected: apart("tcp-flags"),
  },
  {
    name: "equal timestamps are merged",
    frames: flowOf(4, {}, { options: TIMESTAMP, payloadBytes: 1448 }),
    expected: ["0-3:poll-end"],
  },
  {
    name: "another timestamp value goes apart",
    frames: third({ options: LATER_TIMESTAMP }, { options: TIMESTAMP, payloadBytes: 1448 }),
    expected: apart("tcp-options"),
  },
  {
    name: "other options of the same length go apart",
    frames: third({ options: SACK }, { options: TIMESTAMP, payloadBytes: 1448 }),
    expected: apart("tcp-options"),
  },
  {
    name: "options where there were none go apart",
    frames: third({ options: TIMESTAMP }, { payloadBytes: 1448 }),
    expected: apart("tcp-options"),
  },
  { name: "another TTL goes apart", frames: third({ ttl: 63 }), expected: apart("other-ttl") },
  { name: "another TOS goes apart", frames: third({ tos: 0x10 }), expected: apart("other-tos") },
  { name: "ECN marks go apart", frames: third({ tos: 3 }, { tos: 2 }), expected: apart("other-tos") },
  { name: "a packet without DF goes apart", frames: third({ fragmentWord: 0 }), expected: apart("other-df") },
  {
    name: "another source MAC address is another flow",
    frames: thirdEdited((frame) => frame[11] = 9),
    // The gap that it leaves behind ends the aggregate.
    expected: ["0-1:sequence", "2:poll-end", "3-5:poll-end"],
  },

  // Flags that end an aggregate.
  {
    name: "PSH joins and sends the aggregate up",
    frames: third({ flags: tcp.FLAG_ACK | tcp.FLAG_PSH }),
    expected: ["0-2:push", "3-5:poll-end"],
  },
  {
    name: "FIN joins and sends the aggregate up",
    frames: third({ flags: tcp.FLAG_ACK | tcp.FLAG_FIN }),
    expected: ["0-2:push", "3-5:poll-end"],
  },
  {
    name: "PSH with nothing held is not held",
    frames: flowOf(4, { 0: { flags: tcp.FLAG_ACK | tcp.FLAG_PSH } }),
    expected: ["0", "1-3:poll-end"],
  },
  ...[tcp.FLAG_URG, tcp.FLAG_RST, tcp.FLAG_SYN].map((flag) => ({
    name: `flag 0x${flag.toString(16)} does not join, ends what is held, and is not held itself`,
    frames: third({ flags: tcp.FLAG_ACK | flag }),
    expected: ["0-1:tcp-flags", "2", "3-5:poll-end"],
  })),

  // Lengths and sequence numbers.
  {
    name: "a short segment joins and sends the aggregate up",
    frames: third({ payloadBytes: 700 }),
    expected: ["0-2:short-segment", "3-5:poll-end"],
  },
  {
    name: "a segment of one byte joins",
    frames: third({ payloadBytes: 1 }),
    expected: ["0-2:short-segment", "3-5:poll-end"],
  },
  {
    name: "a packet without payload ends what is held and is not held itself",
    frames: third({ payloadBytes: 0 }),
    expected: ["0-1:no-payload", "2", "3-5:poll-end"],
  },
  {
    name: "a segment larger than the first does not join",
    frames: flowOf(4, { 0: { payloadBytes: 1000 } }),
    expected: ["0:longer-segment", "1-3:poll-end"],
  },
  {
    name: "a gap in the sequence numbers goes apart",
    frames: third({ sequence: 1001 + 2 * 1460 }),
    expected: apart("sequence"),
  },
  {
    name: "a retransmitted segment goes apart",
    frames: [
      ...flowOf(3),
      tcpFrame({ sequence: 1000 + 2 * 1460, id: 4 }),
      ...flowOf(2, {}, { sequence: 1000 + 3 * 1460, id: 5 }),
    ],
    expected: ["0-2:sequence", "3-5:poll-end"],
  },
  {
    name: "sequence numbers go on at 0 after 2^32",
    frames: flowOf(6, {}, { sequence: 0x100000000 - 2 * 1460 - 7 }),
    expected: ["0-5:poll-end"],
  },

  // IP ids.
  { name: "IP ids go on at 0 after 65535", frames: flowOf(6, {}, { id: 65534 }), expected: ["0-5:poll-end"] },
  { name: "a jump of the IP ids goes apart", frames: idsOf([1, 2, 4, 5]), expected: ["0-1:ip-id", "2-3:poll-end"] },
  {
    name: "one IP id for all packets is accepted with DF from 4.10 on",
    frames: idsOf([7, 7, 7, 7]),
    expected: { "4.4": ["0:ip-id", "1:ip-id", "2:ip-id", "3:poll-end"], "6.1": ["0-3:poll-end"] },
  },
  {
    name: "one IP id for all packets is not accepted without DF",
    frames: idsOf([7, 7, 7], 0),
    expected: ["0:ip-id", "1:ip-id", "2:poll-end"],
  },
  { name: "IP ids that count are accepted without DF", frames: idsOf([7, 8, 9], 0), expected: ["0-2:poll-end"] },
  {
    name: "the second packet decides for constant ids",
    frames: idsOf([7, 7, 8, 8]),
    expected: { "4.4": ["0:ip-id", "1-2:ip-id", "3:poll-end"], "6.1": ["0-1:ip-id", "2-3:poll-end"] },
  },
  {
    name: "the second packet decides for counting ids",
    frames: idsOf([7, 8, 8, 9]),
    expected: ["0-1:ip-id", "2-3:poll-end"],
  },
  {
    name: "ids that count down never merge",
    frames: idsOf([9, 8, 7]),
    expected: ["0:ip-id", "1:ip-id", "2:poll-end"],
  },

  // What GRO refuses.
  {
    name: "padding behind the packet is refused, and the flow goes up first",
    frames: third({ payloadBytes: 4, padding: 2 }),
    expected: ["0-1:ip-refused", "2", "3-5:poll-end"],
  },
  {
    name: "a first fragment is refused; 4.4 sends the flow up first, in 6.1 it overtakes what is held",
    frames: third({ fragmentWord: DF | MF }),
    expected: {
      "4.4": ["0-1:ip-refused", "2", "3-5:poll-end"],
      "6.1": ["2", "0-1:sequence", "3-5:poll-end"],
    },
  },
  {
    name: "a later fragment is of no flow and overtakes what is held",
    frames: third({ fragmentWord: 185 }, { payloadBytes: 100 }),
    expected: ["2", "0-1:sequence", "3-5:poll-end"],
  },
  {
    name: "IP options are refused, and the packet overtakes what is held",
    frames: third({ ipOptions: Uint8Array.of(1, 1, 1, 0) }),
    expected: ["2", "0-1:sequence", "3-5:poll-end"],
  },
  {
    name: "a wrong IP header checksum is refused, and the packet overtakes what is held",
    frames: thirdEdited((frame) => frame[14 + ipv4.OFFSET_CHECKSUM]! ^= 1),
    expected: ["2", "0-1:sequence", "3-5:poll-end"],
  },
  {
    name: "a wrong TCP checksum is refused, and the packet overtakes what is held",
    frames: third({ checksumError: 1 }),
    expected: ["2", "0-1:sequence", "3-5:poll-end"],
  },
  {
    name: "a TCP header shorter than 20 bytes is refused",
    frames: thirdEdited((frame) => frame[TCP_AT + tcp.OFFSET_DATA_OFFSET] = 4 << 4),
    expected: ["2", "0-1:sequence", "3-5:poll-end"],
  },
  {
    name: "UDP is not held and leaves what is held alone",
    frames: [...flowOf(2), udpFrame(), ...flowOf(2, {}, { sequence: 1000 + 2 * 1460, id: 3 })],
    expected: ["2", "0-1 3-4:poll-end"],
  },

  // Flows and limits.
  {
    name: "two flows that alternate are merged apart",
    frames: interleaved(2, 4),
    expected: ["0 2 4 6:poll-end", "1 3 5 7:poll-end"],
  },
  {
    name: "45 packets of 1448 bytes fill an aggregate of 65535 bytes",
    frames: flowOf(60, {}, { payloadBytes: 1448, options: TIMESTAMP }),
    expected: ["0-44:size-limit", "45-59:poll-end"],
  },
  {
    name: "an aggregate stays below 65536 bytes, not at it",
    frames: [...nearly64KiB(3, 41000), ...nearly64KiB(4, 42000)],
    sets: ["mtu=20000"],
    expected: ["0-4:short-segment", "5-8:size-limit", "9:poll-end"],
  },
];

for (const era of ERAS) {
  for (const { name, frames, sets, expected } of RULES) {
    Deno.test(`GRO of ${era}: ${name}`, async () => {
      const events = await merge(frames, era, sets);
      assertEquals(deliveries(events), [...("4.4" in expected ? expected[era] : expected)]);
    });
  }
}
