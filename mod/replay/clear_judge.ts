/**
 * Looks at clear frames for `--check` (`mode=none`): are they packets that another host takes?
 *
 * Lengths and header checksums are right, nothing is longer than the MTU, and what a socket of ours sends has the checksum of TCP or
 * UDP. A router does not touch that, so a wrong one may have come with the capture.
 *
 * ```ts
 * new ClearJudge(1500, true).refusal(packet); // "its checksum of TCP or UDP is wrong"
 * ```
 *
 * @module
 */

import { FrameFacts } from "../wire/frame_facts.ts";
import { PROTOCOL_TCP, PROTOCOL_UDP } from "../wire/ip_protocol.ts";
import * as ip from "../wire/ip.ts";
import * as ipv4 from "../wire/ipv4.ts";
import { LINKTYPE_RAW } from "../wire/link_types.ts";
import * as tcp from "../wire/tcp.ts";
import { transportChecksumOk } from "../wire/transport_checksum.ts";
import * as udp from "../wire/udp.ts";
import type { Judge } from "./frame_judge.ts";

/** Judges clear IP packets. */
export class ClearJudge implements Judge {
  readonly complaint = "packets are not well-formed";
  readonly #facts = new FrameFacts();

  /** `mtu` is that of the link; `isOurs`: sockets of ours made the packets, and their checksums. */
  constructor(readonly mtu: number, readonly isOurs: boolean) {}

  refusal(packet: Uint8Array): string | undefined {
    const facts = this.#facts;
    facts.read(packet, 0, packet.length, packet.length, LINKTYPE_RAW);
    if (!facts.isIp) return "its IP header is damaged";
    if (packet.length > this.mtu) return `it is longer than the MTU of ${this.mtu}`;
    if (ip.totalBytes(packet, 0) !== packet.length) return "its length field is wrong";
    if (facts.isIpv4 && !ipv4.headerChecksumOk(packet, 0)) return "its header checksum is wrong";
    return this.isOurs && this.#hasSum(packet) && !this.#isSumGood(packet)
      ? "its checksum of TCP or UDP is wrong"
      : undefined;
  }

  /** A socket wrote the transport header: what it cannot make sense of it sends as the capture has it. */
  #hasSum(packet: Uint8Array): boolean {
    const { isFragment, hasSegmentsLeft, protocol, transportAt, transportBytes, payloadBytes } = this.#facts;
    if (isFragment || hasSegmentsLeft) return false;
    if (protocol === PROTOCOL_UDP) {
      return transportBytes >= udp.HEADER_BYTES && udp.length(packet, transportAt) === transportBytes;
    }
    if (protocol !== PROTOCOL_TCP || transportBytes < tcp.HEADER_BYTES) return false;
    const headerBytes = tcp.dataOffsetBytes(packet, transportAt);
    const isReset = (tcp.flags(packet, transportAt) & tcp.FLAG_RST) !== 0;
    return headerBytes >= tcp.HEADER_BYTES && headerBytes <= transportBytes && !(isReset && payloadBytes > 0);
  }

  #isSumGood(packet: Uint8Array): boolean {
    const { protocol, transportAt, transportBytes } = this.#facts;
    return transportChecksumOk(packet, 0, protocol, transportAt, transportBytes);
  }
}
