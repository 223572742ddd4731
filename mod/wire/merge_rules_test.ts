import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { set16, set32 } from "./bytes.ts";
import { PROTOCOL_TCP, PROTOCOL_UDP } from "./ip_protocol.ts";
import * as ipv6 from "./ipv6.ts";
import {
  AGGREGATE_BYTES_MAX,
  END,
  idStep,
  isSameFlow,
  isWholeIpv4,
  isWholeIpv6,
  type MergePacket,
  type MergeTarget,
  staysAtomic,
  whyLastTcp,
  whyLastUdp,
  whyNotMergedTcp,
  whyNotMergedUdp,
} from "./merge_rules.ts";
import * as tcp from "./tcp.ts";

const LINUX_6_1 = { linux44: false, bytesMax: AGGREGATE_BYTES_MAX };
const LINUX_4_4 = { linux44: true, bytesMax: AGGREGATE_BYTES_MAX };
/** Where the headers begin in the two arrays: nowhere in particular, and not at the same place. */
const AT = 3;
const HELD_AT = 17;
const MSS = 1448;
const ENDS = Object.fromEntries(Object.entries(END).map(([name, number]) => [number, name]));

/** Headers of a segment of 1448 bytes with timestamps. */
function headersAt(at: number, isIpv6 = false): Uint8Array {
  const u8 = new Uint8Array(at + 120).fill(0xa5);
  const networkBytes = isIpv6 ? 40 : 20;
  if (isIpv6) {
    ipv6.setVersionClassFlow(u8, at, 0, 5);
    ipv6.setPayloadLength(u8, at, 32 + MSS);
    ipv6.setNextHeader(u8, at, PROTOCOL_TCP);
    ipv6.setHopLimit(u8, at, 64);
    u8.fill(7, at + 8, at + 40);
  } else {
    u8.set([0x45, 0, 0x05, 0xdc, 0, 1, 0x40, 0, 64, PROTOCOL_TCP, 0, 0, 192, 0, 2, 1, 198, 51, 100, 1], at);
  }
  const own = at + networkBytes;
  u8.set([0x9c, 0x40, 0x13, 0x89], own);
  set32(u8, own + 4, 1000);
  set32(u8, own + 8, 1);
  u8[own + 12] = 8 << 4;
  u8[own + 13] = tcp.FLAG_ACK;
  set16(u8, own + 14, 512);
  u8.set([1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2], own + 20);
  return u8;
}

interface Pair {
  u8: Uint8Array;
  packet: MergePacket;
  heldU8: Uint8Array;
  held: { -readonly [Field in keyof MergeTarget]: MergeTarget[Field] };
}

/** A held packet of one segment and the next of its flow, in two arrays. */
function pair(isIpv6 = false): Pair {
  const networkBytes = isIpv6 ? 40 : 20;
  const common = { isIpv6, networkBytes, headerBytes: networkBytes + 32, payloadBytes: MSS };
  const u8 = headersAt(AT, isIpv6);
  set32(u8, AT + networkBytes + 4, 1000 + MSS);
  if (!isIpv6) set16(u8, AT + 4, 2);
  return {
    u8,
    packet: { at: AT, ...common },
    heldU8: headersAt(HELD_AT, isIpv6),
    held: { at: HELD_AT, ...common, mss: MSS, count: 1, isAtomic: true },
  };
}

/** Why the packet of a pair does not join, after `change` was made to the pair. */
function why(change: (pair: Pair) => void, rules = LINUX_6_1, isIpv6 = false, gsoSize = 0): string {
  const changed = pair(isIpv6);
  change(changed);
  const { u8, packet, heldU8, held } = changed;
  return ENDS[whyNotMergedTcp(u8, packet, gsoSize, heldU8, held, rules)]!;
}

Deno.test("whyNotMergedTcp() names the field that keeps two packets apart, wherever the two headers lie", () => {
  const changed: [string, (pair: Pair) => void][] = [
    ["none", () => {}],
    ["noPayload", (it) => it.packet = { ...it.packet, payloadBytes: 0 }],
    ["sequence", ({ u8 }) => set32(u8, AT + 24, 1001 + MSS)],
    ["sequence", ({ held }) => held.payloadBytes = 2 * MSS],
    ["flags", ({ u8 }) => u8[AT + 33] = tcp.FLAG_ACK | tcp.FLAG_ECE],
    ["flags", ({ u8, heldU8 }) => {
      u8[AT + 33] = tcp.FLAG_ACK | tcp.FLAG_CWR;
      heldU8[HELD_AT + 33] = tcp.FLAG_ACK | tcp.FLAG_CWR;
    }],
    ["none", ({ heldU8 }) => heldU8[HELD_AT + 33] = tcp.FLAG_ACK | tcp.FLAG_CWR],
    ["none", ({ u8 }) => u8[AT + 33] = tcp.FLAG_ACK | tcp.FLAG_PSH | tcp.FLAG_FIN],
    ["flags", ({ u8 }) => u8[AT + 32]! |= 1],
    ["options", ({ u8 }) => u8[AT + 32] = 5 << 4],
    ["options", ({ u8 }) => u8[AT + 51]! ^= 1],
    ["window", ({ u8 }) => set16(u8, AT + 34, 511)],
    ["acknowledgment", ({ u8 }) => set32(u8, AT + 28, 2)],
    ["ttl", ({ u8 }) => u8[AT + 8] = 63],
    ["tos", ({ u8 }) => u8[AT + 1] = 3],
    ["dontFragment", ({ u8 }) => u8[AT + 6] = 0],
    ["ipId", ({ u8 }) => set16(u8, AT + 4, 3)],
    ["longer", ({ held }) => held.mss = MSS - 1],
    ["none", ({ held }) => held.mss = MSS + 1],
    // What is not compared: checksums, the urgent pointer.
    ["none", ({ u8 }) => set32(u8, AT + 36, 0x12345678)],
  ];
  for (const [expected, change] of changed) assertEquals(why(change), expected, String(change));
});

Deno.test("whyNotMergedTcp() names the sequence number first where a lost packet changes the IP id as well", () => {
  assertEquals(
    why(({ u8 }) => {
      set32(u8, AT + 24, 1000 + 2 * MSS);
      set16(u8, AT + 4, 3);
    }),
    "sequence",
  );
});

Deno.test("whyNotMergedTcp() keeps an aggregate below the size limit", () => {
  // 52 bytes of headers; held.payloadBytes decides, and the sequence number follows it.
  const grown = (payloadBytes: number) => ({ u8, held }: Pair): void => {
    held.payloadBytes = payloadBytes;
    set32(u8, AT + 24, 1000 + payloadBytes);
  };
  assertEquals(why(grown(65535 - 52 - MSS)), "none");
  assertEquals(why(grown(65536 - 52 - MSS)), "size");
  assertEquals(why(grown(16000 - 52 - MSS), { linux44: false, bytesMax: 16000 }), "size");
});

Deno.test("whyNotMergedTcp() takes a super-packet only if its segments are of the same size", () => {
  const longer = (it: Pair): void => void (it.packet = { ...it.packet, payloadBytes: 3 * MSS });
  assertEquals(why(longer, LINUX_6_1, false, MSS), "none");
  assertEquals(why(longer, LINUX_6_1, false, MSS - 1), "gsoSize");
  assertEquals(why(() => {}, LINUX_6_1, false, MSS - 1), "gsoSize");
});

Deno.test("IP ids count on; from 4.10 on they may stay the same with DF, and the second packet decides", () => {
  const withId = (id: number, count: number, isAtomic: boolean) => ({ u8, held }: Pair): void => {
    set16(u8, AT + 4, id);
    held.count = count;
    held.isAtomic = isAtomic;
  };
  const table: [id: number, count: number, isAtomic: boolean, in61: string, in44: string][] = [
    [2, 1, true, "none", "none"],
    [1, 1, true, "none", "ipId"],
    [3, 1, true, "ipId", "ipId"],
    [1, 2, true, "none", "ipId"],
    [3, 2, true, "ipId", "none"],
    [3, 2, false, "none", "none"],
    [1, 2, false, "ipId", "ipId"],
    [0, 1, true, "ipId", "ipId"],
  ];
  for (const [id, count, isAtomic, in61, in44] of table) {
    const label = `${id} ${count} ${isAtomic}`;
    assertEquals(why(withId(id, count, isAtomic)), in61, label);
    assertEquals(why(withId(id, count, isAtomic), LINUX_4_4), in44, label);
  }
  const { held } = pair();
  assertEquals([0, 1].map((step) => staysAtomic(step, held)), [true, false]);
  assertEquals([0, 1].map((step) => staysAtomic(step, { ...held, count: 2 })), [true, true]);
  assertEquals(staysAtomic(0, { ...held, isAtomic: false }), false);
});

Deno.test("idStep() goes round at 65536", () => {
  const u8 = new Uint8Array(60);
  set16(u8, 4, 2);
  set16(u8, 34, 0xffff);
  assertEquals([idStep(u8, 0, u8, 30), idStep(u8, 30, u8, 0)], [3, 0xfffd]);
});

Deno.test("whyNotMergedTcp() over IPv6 looks at hop limit and traffic class, and at no id", () => {
  const changed: [string, (pair: Pair) => void][] = [
    ["none", () => {}],
    ["ttl", ({ u8 }) => ipv6.setHopLimit(u8, AT, 63)],
    ["tos", ({ u8 }) => ipv6.setTrafficClass(u8, AT, 0x10)],
    ["tos", ({ u8 }) => ipv6.setTrafficClass(u8, AT, 1)],
    ["sequence", ({ u8 }) => set32(u8, AT + 44, 7)],
    ["options", ({ u8 }) => u8[AT + 71]! ^= 1],
  ];
  for (const [expected, change] of changed) assertEquals(why(change, LINUX_6_1, true), expected, String(change));
});

/** Whether the packets of a pair are of one flow, after `change`. */
function same(change: (pair: Pair) => void, rules = LINUX_6_1, isIpv6 = false): boolean {
  const changed = pair(isIpv6);
  change(changed);
  return isSameFlow(changed.u8, changed.packet, changed.heldU8, changed.held, rules);
}

Deno.test("isSameFlow() of IPv4 compares addresses, protocol and ports, and nothing else", () => {
  fc.assert(fc.property(fc.nat({ max: 51 }), fc.integer({ min: 1, max: 255 }), (offset, bits) => {
    const tells = offset === 9 || (offset >= 12 && offset < 24);
    assertEquals(same(({ u8 }) => u8[AT + offset]! ^= bits), !tells, `${offset}`);
  }));
});

Deno.test("isSameFlow() of IPv6 compares version, flow label, next header, addresses and ports; 4.4 the hop limit too", () => {
  fc.assert(fc.property(fc.nat({ max: 71 }), fc.integer({ min: 1, max: 255 }), (offset, bits) => {
    const flip = ({ u8 }: Pair): void => void (u8[AT + offset]! ^= bits);
    // Of the first two bytes, the traffic class is the middle eight bits.
    const inClass = (offset === 0 && bits < 0x10) || (offset === 1 && (bits & 0x0f) === 0);
    const tells = (offset < 4 && !inClass) || offset === 6 || (offset >= 8 && offset < 44);
    assertEquals(same(flip, LINUX_6_1, true), !tells, `${offset} ${bits}`);
    assertEquals(same(flip, LINUX_4_4, true), !tells && offset !== 7, `${offset} ${bits}`);
  }));
});

Deno.test("isSameFlow() tells versions and lengths of extension headers apart", () => {
  assertEquals(same((it) => it.held.isIpv6 = true), false);
  assertEquals(
    same(
      (it) => {
        it.held.networkBytes = 48;
        it.heldU8.copyWithin(HELD_AT + 48, HELD_AT + 40, HELD_AT + 72);
      },
      LINUX_6_1,
      true,
    ),
    false,
  );
});

Deno.test("whyNotMergedUdp() asks for the IP header of the flow and for no more bytes than the first has", () => {
  const whyUdp = (change: (pair: Pair) => void, chained = false): string => {
    const changed = pair();
    changed.packet = { ...changed.packet, headerBytes: 28 };
    changed.held.headerBytes = 28;
    change(changed);
    const { u8, packet, heldU8, held } = changed;
    u8[AT + 9] = PROTOCOL_UDP;
    return ENDS[whyNotMergedUdp(u8, packet, chained, heldU8, held, LINUX_6_1)]!;
  };
  assertEquals(whyUdp(() => {}), "none");
  assertEquals(whyUdp(({ u8 }) => u8[AT + 8] = 1), "ttl");
  assertEquals(whyUdp(({ u8 }) => set16(u8, AT + 4, 9)), "ipId");
  assertEquals(whyUdp((it) => it.packet = { ...it.packet, payloadBytes: MSS + 1 }), "longer");
  assertEquals(whyUdp((it) => it.packet = { ...it.packet, payloadBytes: 1 }), "none");
  const full = ({ held }: Pair): void => void (held.payloadBytes = 65535 - 28 - MSS);
  assertEquals([whyUdp(full), whyUdp(full, true)], ["none", "size"]);
});

Deno.test("whyLastTcp() and whyLastUdp() say what ends an aggregate that has been joined", () => {
  const last = (flags: number, payload: number): string => ENDS[whyLastTcp(flags | tcp.FLAG_ACK, payload, MSS)]!;
  assertEquals([last(0, MSS), last(0, MSS - 1), last(tcp.FLAG_PSH, MSS), last(tcp.FLAG_FIN, 1)], [
    "none",
    "short",
    "push",
    "push",
  ]);
  assertEquals([tcp.FLAG_URG, tcp.FLAG_RST, tcp.FLAG_SYN].map((flag) => last(flag, MSS)), ["push", "push", "push"]);
  assertEquals([tcp.FLAG_ECE, tcp.FLAG_CWR].map((flag) => last(flag, MSS)), ["none", "none"]);
  assertEquals(
    [[9, 10, 2], [10, 10, 63], [10, 10, 64]].map(([payload, mss, count]) => {
      return ENDS[whyLastUdp(payload!, mss!, count!)];
    }),
    ["short", "none", "count"],
  );
});

Deno.test("isWholeIpv4() and isWholeIpv6() refuse fragments, and packets shorter or longer than they claim", () => {
  const { u8 } = pair();
  assertEquals([1499, 1500, 1501].map((bytes) => isWholeIpv4(u8, AT, bytes)), [false, true, false]);
  for (const [word, whole] of [[0, true], [0x4000, true], [0x2000, false], [0x4001, false], [0x8000, false]] as const) {
    set16(u8, AT + 6, word);
    assertEquals(isWholeIpv4(u8, AT, 1500), whole, `${word}`);
  }
  const over6 = pair(true);
  assertEquals([1519, 1520, 1521].map((bytes) => isWholeIpv6(over6.u8, AT, bytes)), [false, true, false]);
});
