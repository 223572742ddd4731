/**
 * Acknowledgments of a receiving TCP: packets of headers alone, made of the headers of what they answer (`path=host-to-host`).
 *
 * net/ipv4/tcp_output.c: tcp_send_ack, __tcp_select_window, tcp_options_write (4.4 and 6.1). Addresses and ports change places;
 * the sequence number is what the other end has acknowledged of ours; of options, timestamps are echoed. The window
 * (`receive_window.ts`) is scaled down by as many bits as make the largest fit (RFC 7323, section 2.2).
 *
 * Departures: both ends know the scale without a SYN. Timestamps come from the capture: nobody here has a clock of its own.
 *
 * ```ts
 * answer.learn(skb); // headers of a received segment
 * answer.send(host, output, number, packet, windowBytes);
 * ```
 *
 * @module
 */

import { NONE } from "../ledger/schema.ts";
import { push, reserve } from "../skb/head_ops.ts";
import { CHECKSUM, type Skb } from "../skb/skb.ts";
import { get32, set16, set32 } from "../wire/bytes.ts";
import { pseudoHeaderSum } from "../wire/checksum.ts";
import * as ip from "../wire/ip.ts";
import { PROTOCOL_TCP } from "../wire/ip_protocol.ts";
import * as ipv4 from "../wire/ipv4.ts";
import * as ipv6 from "../wire/ipv6.ts";
import * as tcp from "../wire/tcp.ts";
import { findTimestamps } from "../wire/tcp_timestamps.ts";
import { framesIn, type Host, observe, type Stage } from "./host.ts";
import { windowScale } from "./receive_window.ts";
import { MAX_TCP_HEADER } from "./tcp_build.ts";

const IPV4_ADDRESS_BYTES = 4;
const TIME_TO_LIVE = 64;
/** NOP, NOP, kind and length of timestamps (RFC 7323, appendix A), and the option with both values. */
const TIMESTAMPS_WORD = 0x0101080a;
const TIMESTAMPS_BYTES = 12;
const LONGEST_HEADERS_BYTES = ipv6.HEADER_BYTES + tcp.HEADER_BYTES + TIMESTAMPS_BYTES;

/** What one connection answers with. */
export class TcpAnswer {
  /** Headers of the next answer, but for what changes with each; 0 bytes before the first segment. */
  readonly #bytes = new Uint8Array(LONGEST_HEADERS_BYTES);
  #networkBytes = 0;
  #headerBytes = 0;
  #flow = NONE;
  #id = 0;
  readonly #windowUnit: number;

  /** Answers that offer windows of `largestBytes` bytes at most. */
  constructor(largestBytes: number) {
    this.#windowUnit = 2 ** windowScale(largestBytes);
  }

  /** Remembers whom to answer: `skb` is a TCP segment whose headers are linear. */
  learn(skb: Skb, u8: Uint8Array): void {
    const ipAt = skb.head.at + skb.networkHeader;
    const tcpAt = skb.head.at + skb.transportHeader;
    const isIpv6 = ip.isIpv6(u8, ipAt);
    this.#networkBytes = isIpv6 ? ipv6.HEADER_BYTES : ipv4.HEADER_BYTES;
    this.#flow = skb.flow;
    if (isIpv6) this.#learnIpv6(u8, ipAt);
    else this.#learnIpv4(u8, ipAt);
    this.#learnTcp(u8, tcpAt);
  }

  /**
   * Sends an acknowledgment of everything in front of `number` through `output`, which offers a window of `windowBytes` bytes;
   * its costs count with `packet`.
   */
  send(host: Host, output: Stage, number: number, packet: number, windowBytes: number): void {
    const { skbs, gate, cpu } = host;
    const skb = skbs.allocSkb(MAX_TCP_HEADER[skbs.era]);
    reserve(skb, MAX_TCP_HEADER[skbs.era]);
    push(skb, this.#headerBytes);
    skb.networkHeader = skb.data;
    skb.transportHeader = skb.data + this.#networkBytes;
    skb.packet = packet;
    skb.isKept = true;
    skb.flow = this.#flow;
    this.#write(skbs.memory.u8, skb.dataAt, number, Math.floor(windowBytes / this.#windowUnit));
    skb.ipSummed = CHECKSUM.partial;
    skb.checksumOffset = tcp.OFFSET_CHECKSUM;
    observe(host, skb);
    gate.enter(framesIn(skb));
    cpu.handOn(output, skb);
  }

  #write(u8: Uint8Array, at: number, number: number, windowField: number): void {
    for (let i = 0; i < this.#headerBytes; i++) u8[at + i] = this.#bytes[i]!;
    const tcpAt = at + this.#networkBytes;
    const tcpBytes = this.#headerBytes - this.#networkBytes;
    if (!ip.isIpv6(u8, at)) {
      ipv4.setId(u8, at, this.#id);
      ipv4.writeHeaderChecksum(u8, at);
      this.#id = (this.#id + 1) & 0xffff;
    }
    tcp.setAcknowledgment(u8, tcpAt, number);
    set16(u8, tcpAt + tcp.OFFSET_WINDOW, windowField);
    tcp.setChecksum(u8, tcpAt, pseudoHeaderSum(u8, at, PROTOCOL_TCP, tcpBytes));
  }

  #learnIpv4(u8: Uint8Array, ipAt: number): void {
    const bytes = this.#bytes;
    bytes.fill(0, 0, ipv4.HEADER_BYTES);
    bytes[0] = 0x45;
    set16(bytes, ipv4.OFFSET_FRAGMENT, ipv4.FLAG_DF);
    bytes[ipv4.OFFSET_TTL] = TIME_TO_LIVE;
    bytes[ipv4.OFFSET_PROTOCOL] = PROTOCOL_TCP;
    for (let i = 0; i < IPV4_ADDRESS_BYTES; i++) {
      bytes[ipv4.OFFSET_SOURCE + i] = u8[ipAt + ipv4.OFFSET_DESTINATION + i]!;
      bytes[ipv4.OFFSET_DESTINATION + i] = u8[ipAt + ipv4.OFFSET_SOURCE + i]!;
    }
  }

  #learnIpv6(u8: Uint8Array, ipAt: number): void {
    const bytes = this.#bytes;
    ipv6.setVersionClassFlow(bytes, 0, 0, ipv6.flowLabel(u8, ipAt));
    ipv6.setNextHeader(bytes, 0, PROTOCOL_TCP);
    ipv6.setHopLimit(bytes, 0, TIME_TO_LIVE);
    for (let i = 0; i < ipv6.ADDRESS_BYTES; i++) {
      bytes[ipv6.OFFSET_SOURCE + i] = u8[ipAt + ipv6.OFFSET_DESTINATION + i]!;
      bytes[ipv6.OFFSET_DESTINATION + i] = u8[ipAt + ipv6.OFFSET_SOURCE + i]!;
    }
  }

  #learnTcp(u8: Uint8Array, tcpAt: number): void {
    const bytes = this.#bytes;
    const at = this.#networkBytes;
    const timestamps = findTimestamps(u8, tcpAt, tcp.dataOffsetBytes(u8, tcpAt));
    const tcpBytes = tcp.HEADER_BYTES + (timestamps < 0 ? 0 : TIMESTAMPS_BYTES);
    set16(bytes, at + tcp.OFFSET_SOURCE_PORT, tcp.destinationPort(u8, tcpAt));
    set16(bytes, at + tcp.OFFSET_DESTINATION_PORT, tcp.sourcePort(u8, tcpAt));
    tcp.setSequence(bytes, at, tcp.acknowledgment(u8, tcpAt));
    bytes[at + tcp.OFFSET_DATA_OFFSET] = (tcpBytes / 4) << 4;
    tcp.setFlags(bytes, at, tcp.FLAG_ACK);
    set16(bytes, at + tcp.OFFSET_URGENT, 0);
    if (timestamps >= 0) {
      const valuesAt = tcpAt + timestamps + 2;
      set32(bytes, at + tcp.OFFSET_OPTIONS, TIMESTAMPS_WORD);
      set32(bytes, at + tcp.OFFSET_OPTIONS + 4, get32(u8, valuesAt + 4));
      set32(bytes, at + tcp.OFFSET_OPTIONS + 8, get32(u8, valuesAt));
    }
    this.#headerBytes = at + tcpBytes;
    ip.setTotalBytes(bytes, 0, this.#headerBytes);
  }
}
