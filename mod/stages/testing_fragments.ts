/**
 * ESP packets and their fragments, for tests of reassembly. Not part of the library.
 *
 * ```ts
 * fragmentsOf(espFrame(tcpFrame()), [800]); // two frames: 800 bytes of data, and the rest
 * ```
 *
 * @module
 */

import { ENGINES } from "../crypto/engines.ts";
import { sealEspPacket } from "../esp/esp_packet.ts";
import { testSecurityAssociation } from "../esp/sa.ts";
import { set16, set32 } from "../wire/bytes.ts";
import { ETH_HLEN, ETHERTYPE_IPV4, ETHERTYPE_IPV6 } from "../wire/ethernet.ts";
import * as ip from "../wire/ip.ts";
import { PROTOCOL_FRAGMENT } from "../wire/ip_protocol.ts";
import * as ipv4 from "../wire/ipv4.ts";
import * as ipv6 from "../wire/ipv6.ts";

/** Outer version of tunnel mode. */
export type OuterVersion = 4 | 6;

/** The packets of clear frames as ESP frames of the test SA in tunnel mode, sequence numbers from 1 on. */
export function espFrames(clear: readonly Uint8Array[], version: OuterVersion = 4): Uint8Array[] {
  const sa = testSecurityAssociation({ seed: 1, ip: version });
  const aead = sa.aead(ENGINES.noble);
  return clear.map((frame, i) => {
    const inner = frame.slice(ETH_HLEN);
    if (!ip.isIpv6(inner, 0)) set16(inner, ipv4.OFFSET_FRAGMENT, 0);
    if (!ip.isIpv6(inner, 0)) ipv4.writeHeaderChecksum(inner, 0);
    const packet = sealEspPacket(inner, sa, aead, sa.nextSequence(), i + 1);
    return withEthernet(frame, packet);
  });
}

function withEthernet(frame: Uint8Array, packet: Uint8Array): Uint8Array {
  const framed = new Uint8Array(ETH_HLEN + packet.length);
  framed.set(frame.subarray(0, ETH_HLEN));
  framed.set(packet, ETH_HLEN);
  set16(framed, 12, ip.isIpv6(packet, 0) ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4);
  return framed;
}

/** The packet of a frame, cut at these offsets of its data, multiples of 8. `id` is that of the fragments of IPv6. */
export function fragmentsOf(frame: Uint8Array, cuts: readonly number[], id = 1): Uint8Array[] {
  const packet = frame.subarray(ETH_HLEN);
  const isIpv6 = ip.isIpv6(packet, 0);
  const headerBytes = ip.headerBytes(packet, 0);
  const data = packet.subarray(headerBytes);
  const starts = [0, ...cuts];
  return starts.map((start, i) => {
    const part = data.subarray(start, starts[i + 1] ?? data.length);
    const isLast = i === cuts.length;
    const header = packet.slice(0, headerBytes);
    if (!isIpv6) set16(header, ipv4.OFFSET_FRAGMENT, start / 8 | (isLast ? 0 : ipv4.FLAG_MF));
    const fragment = new Uint8Array(isIpv6 ? ipv6.FRAGMENT_HEADER_BYTES : 0);
    if (isIpv6) {
      fragment[0] = ipv6.nextHeader(header, 0);
      set16(fragment, 2, start | (isLast ? 0 : 1));
      set32(fragment, 4, id);
      ipv6.setNextHeader(header, 0, PROTOCOL_FRAGMENT);
    }
    const cut = Uint8Array.from([...header, ...fragment, ...part]);
    ip.setTotalBytes(cut, 0, cut.length);
    if (!isIpv6) ipv4.writeHeaderChecksum(cut, 0);
    return withEthernet(frame, cut);
  });
}
