/**
 * Fragments among recorded packets, put together: the packet that each frame is, or is a part of.
 *
 * ```ts
 * wholePackets(packets)[3]; // { packet, parts: [3, 4] }: packets 3 and 4 are its fragments
 * wholePackets(packets)[4]; // null: a part of an earlier one
 * ```
 *
 * @module
 */

import { get32 } from "../wire/bytes.ts";
import * as ip from "../wire/ip.ts";
import * as ipv4 from "../wire/ipv4.ts";
import * as ipv6 from "../wire/ipv6.ts";
import { Ipv6Extensions } from "../wire/ipv6_extensions.ts";

/** A packet, and the recorded packets that it came in. */
export interface WholePacket {
  readonly packet: Uint8Array;
  /** Their numbers in order; one where it is no fragment, or not all of them were recorded. */
  readonly parts: readonly number[];
}

/** A fragment, read. */
interface Fragment {
  readonly key: string;
  readonly offset: number;
  readonly isLast: boolean;
  /** Its header as that of a packet that is no fragment, and what is behind it. */
  readonly header: Uint8Array;
  readonly data: Uint8Array;
}

/** For each packet: what it is, or null for a fragment that stands with an earlier one. */
export function wholePackets(packets: readonly Uint8Array[]): (WholePacket | null)[] {
  const wholes: (WholePacket | null)[] = packets.map((packet, index) => ({ packet, parts: [index] }));
  const open = new Map<string, { index: number; fragment: Fragment }[]>();
  packets.forEach((packet, index) => {
    const fragment = fragmentOf(packet);
    if (fragment === undefined) return;
    const parts = [...open.get(fragment.key) ?? [], { index, fragment }];
    open.set(fragment.key, parts);
    const whole = putTogether(parts.map((part) => part.fragment));
    if (whole === undefined) return;
    open.delete(fragment.key);
    const indexes = parts.map((part) => part.index);
    for (const part of indexes) wholes[part] = null;
    wholes[indexes[0]!] = { packet: whole, parts: indexes };
  });
  return wholes;
}

function fragmentOf(packet: Uint8Array): Fragment | undefined {
  if (packet.length < ipv4.HEADER_BYTES) return undefined;
  return ip.isIpv6(packet, 0) ? fragmentOfIpv6(packet) : fragmentOfIpv4(packet);
}

function fragmentOfIpv4(packet: Uint8Array): Fragment | undefined {
  if (!ipv4.isFragment(packet, 0)) return undefined;
  const headerBytes = ipv4.ihlBytes(packet, 0);
  const header = packet.slice(0, headerBytes);
  header.fill(0, ipv4.OFFSET_FRAGMENT, ipv4.OFFSET_FRAGMENT + 2);
  return {
    key: `${packet.subarray(ipv4.OFFSET_SOURCE, ipv4.HEADER_BYTES)} ${ipv4.id(packet, 0)} ${ipv4.protocol(packet, 0)}`,
    offset: ipv4.fragmentOffsetBytes(packet, 0),
    isLast: !ipv4.moreFragments(packet, 0),
    header,
    data: packet.subarray(headerBytes, ipv4.totalLength(packet, 0)),
  };
}

function fragmentOfIpv6(packet: Uint8Array): Fragment | undefined {
  const extensions = new Ipv6Extensions();
  extensions.read(packet, 0, packet.length);
  const { fragmentAt: at } = extensions;
  if (!extensions.isFragment || at !== ipv6.HEADER_BYTES) return undefined;
  const header = packet.slice(0, at);
  ipv6.setNextHeader(header, 0, packet[at]!);
  return {
    key: `${packet.subarray(ipv6.OFFSET_SOURCE, ipv6.HEADER_BYTES)} ${get32(packet, at + 4)}`,
    offset: extensions.fragmentOffsetBytes,
    isLast: !extensions.moreFragments,
    header,
    data: packet.subarray(at + ipv6.FRAGMENT_HEADER_BYTES, ip.totalBytes(packet, 0)),
  };
}

/** The packet that these are all fragments of; undefined where some are missing. */
function putTogether(fragments: readonly Fragment[]): Uint8Array | undefined {
  const inOrder = fragments.toSorted((a, b) => a.offset - b.offset);
  let bytes = 0;
  for (const { offset, data } of inOrder) {
    if (offset !== bytes) return undefined;
    bytes += data.length;
  }
  if (!inOrder.at(-1)!.isLast) return undefined;
  const packet = Uint8Array.from([...inOrder[0]!.header, ...inOrder.flatMap(({ data }) => [...data])]);
  ip.setTotalBytes(packet, 0, packet.length);
  if (!ip.isIpv6(packet, 0)) ipv4.writeHeaderChecksum(packet, 0);
  return packet;
}
