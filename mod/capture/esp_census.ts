/**
 * Lists the ESP security associations that a capture shows: who sends to whom under which SPI, how much, and whether
 * sequence numbers are missing. Nothing is decrypted.
 *
 * Counted is ESP directly over IP of either version, behind extension headers too, and ESP in UDP (RFC 3948): datagrams
 * from or to port 4500 that begin with no zero word, which IKE does, and are longer than a keepalive of one byte. Of
 * fragments only the first has an SPI; the others are not counted here. ESP behind AH or inside another tunnel is not seen.
 *
 * Memory is bounded: the SAs that come first are followed, packets of all others are counted together.
 *
 * @example
 * ```ts
 * import { EspCensus } from "./esp_census.ts";
 * const census = new EspCensus();
 * census.add(facts, packet); // Of every packet, after facts.read().
 * census.contents().sas[0]?.spi; // 0x1000
 * ```
 *
 * @module
 */

import { get32 } from "../wire/bytes.ts";
import { FlowTable } from "../wire/flow_table.ts";
import type { FrameFacts } from "../wire/frame_facts.ts";
import { PROTOCOL_ESP, PROTOCOL_UDP } from "../wire/ip_protocol.ts";
import { HEADER_BYTES as UDP_HEADER_BYTES } from "../wire/udp.ts";
import type { CapturePacket } from "./packet.ts";

/** One SA as a capture shows it: one direction, one SPI. */
export interface EspSaSummary {
  /** Source address of its packets as text. */
  readonly source: string;
  /** Destination address of its packets as text. */
  readonly destination: string;
  /** Security parameters index, an unsigned 32-bit number. */
  readonly spi: number;
  /** How ESP is carried: directly over IP, or in UDP. */
  readonly encapsulation: "ip" | "udp";
  /** Its packets whose ESP header has been captured. */
  readonly packets: number;
  /** Bytes of these from the SPI to the end of the ICV, as the headers claim. */
  readonly bytes: number;
  /** Sequence number of the packet captured first; of extended ones (RFC 4304) the low 32 bits, here and below. */
  readonly firstSequence: number;
  /** Sequence number of the packet captured last. */
  readonly lastSequence: number;
  /** How often a packet was further on than the one after the highest number before it: something is lost, or late. */
  readonly gaps: number;
  /** Packets whose number is not above the highest before them: late ones, and duplicates. */
  readonly late: number;
}

/** What a capture shows of ESP. */
export interface EspContents {
  /** The SAs followed, in order of first appearance. */
  readonly sas: readonly EspSaSummary[];
  /** Packets of further SAs than the {@link FOLLOWED_SAS} first. */
  readonly packetsOfOtherSas: number;
}

/** How many SAs are followed one by one. */
export const FOLLOWED_SAS = 1024;

/** Port of ESP in UDP (RFC 3948). */
const PORT_NAT_T = 4500;
/** SPI and sequence number (RFC 4303, section 2). */
const ESP_HEADER_BYTES = 8;
/** Further on than this is behind: sequence numbers are compared modulo 2^32. */
const HALF_SEQUENCE_SPACE = 0x80000000;

/** Follows SAs, packet by packet. */
export class EspCensus {
  /** One flow per SA: the SPI stands where ports would, and the protocol tells the encapsulations apart. */
  readonly #sas = new FlowTable(FOLLOWED_SAS);
  /** The columns of the table; the row is the number of the SA. */
  readonly #packets: number[] = [];
  readonly #bytes: number[] = [];
  readonly #firstSequences: number[] = [];
  readonly #lastSequences: number[] = [];
  readonly #highestSequences: number[] = [];
  readonly #gaps: number[] = [];
  readonly #late: number[] = [];
  #packetsOfOtherSas = 0;

  /** Looks at one packet, which `facts` have just been read from. Its bytes are only read, and not kept. */
  add(facts: FrameFacts, packet: CapturePacket): void {
    const { protocol } = facts;
    if (protocol !== PROTOCOL_ESP && !isNatTraversal(facts)) return;
    const udpBytes = protocol === PROTOCOL_ESP ? 0 : UDP_HEADER_BYTES;
    const espAt = facts.transportAt + udpBytes;
    const espBytes = facts.transportBytes - udpBytes;
    const isThere = espAt + ESP_HEADER_BYTES <= packet.offset + packet.capturedBytes;
    if (!isThere || espBytes < ESP_HEADER_BYTES || facts.isLaterFragment) return;
    const spi = get32(packet.bytes, espAt);
    if (protocol === PROTOCOL_UDP && spi === 0) return;
    const sa = this.#sas.findAt(packet.bytes, facts.ipAt, facts.ipVersion, spi >>> 16, spi & 0xffff, protocol);
    if (sa === -1) this.#packetsOfOtherSas++;
    else this.#follow(sa, espBytes, get32(packet.bytes, espAt + 4));
  }

  /** What has been seen so far. A snapshot, made when it is asked for. */
  contents(): EspContents {
    return {
      sas: this.#packets.map((_, sa) => this.#summarize(sa)),
      packetsOfOtherSas: this.#packetsOfOtherSas,
    };
  }

  #follow(sa: number, espBytes: number, sequence: number): void {
    if (sa === this.#packets.length) this.#begin(sequence);
    else this.#compare(sa, sequence);
    this.#packets[sa]! += 1;
    this.#bytes[sa]! += espBytes;
    this.#lastSequences[sa] = sequence;
  }

  #begin(sequence: number): void {
    this.#packets.push(0);
    this.#bytes.push(0);
    this.#firstSequences.push(sequence);
    this.#lastSequences.push(sequence);
    this.#highestSequences.push(sequence);
    this.#gaps.push(0);
    this.#late.push(0);
  }

  #compare(sa: number, sequence: number): void {
    const step = (sequence - this.#highestSequences[sa]!) >>> 0;
    if (step === 0 || step >= HALF_SEQUENCE_SPACE) {
      this.#late[sa]! += 1;
      return;
    }
    if (step > 1) this.#gaps[sa]! += 1;
    this.#highestSequences[sa] = sequence;
  }

  #summarize(sa: number): EspSaSummary {
    const sas = this.#sas;
    return {
      source: sas.sourceText(sa),
      destination: sas.destinationText(sa),
      spi: sas.sourcePort(sa) * 0x10000 + sas.destinationPort(sa),
      encapsulation: sas.protocol(sa) === PROTOCOL_ESP ? "ip" : "udp",
      packets: this.#packets[sa]!,
      bytes: this.#bytes[sa]!,
      firstSequence: this.#firstSequences[sa]!,
      lastSequence: this.#lastSequences[sa]!,
      gaps: this.#gaps[sa]!,
      late: this.#late[sa]!,
    };
  }
}

function isNatTraversal({ protocol, sourcePort, destinationPort }: FrameFacts): boolean {
  return protocol === PROTOCOL_UDP && (sourcePort === PORT_NAT_T || destinationPort === PORT_NAT_T);
}
