/**
 * Numbers for L4 flows, in order of first appearance: one direction of one five-tuple is one flow.
 *
 * An open-addressing hash table in typed arrays, so that a capture of a million flows costs a few look-ups per packet and
 * no objects. Addresses of IPv6 are kept apart, so that flows of IPv4 cost what they would cost alone.
 *
 * ```ts
 * const flows = new FlowTable();
 * flows.find(0xc0000201, 0xc0000202, 40000, 5001, 6); // 0
 * flows.hash; // of the flow found last
 * flows.findAt(u8, ipAt, 6, 40000, 5001, 6); // 1, of the IPv6 packet at ipAt
 * flows.sourceText(1); // "2001:db8::1"
 * ```
 *
 * @module
 */
import { get32, set32 } from "./bytes.ts";
import * as ipv4 from "./ipv4.ts";
import * as ipv6 from "./ipv6.ts";
import { formatAddress6 } from "./ipv6_address.ts";

/**
 * Words kept per flow. IPv4: source, destination, ports, protocol. IPv6: row of the addresses, hash, ports, protocol with
 * the mark of the version.
 */
const WORDS = 4;
const IPV6_MARK = 0x600;
/** Words of source and destination of IPv6, which are neighbours in the header. */
const ADDRESSES_WORDS = 8;
const START_SLOTS = 1024;
const START_ROWS = 64;

/** A table of flows of IPv4 and IPv6. */
export class FlowTable {
  /** Flows seen. */
  size = 0;
  /** Hash of the flow found last, an unsigned 32-bit number. */
  hash = 0;

  #slots: Int32Array = new Int32Array(START_SLOTS).fill(-1);
  #words: Uint32Array = new Uint32Array(START_SLOTS * WORDS);
  /** Source and destination of IPv6 flows, in big-endian words as in their headers. */
  #addresses: Uint32Array = new Uint32Array(START_ROWS * ADDRESSES_WORDS);
  #rows = 0;

  /**
   * An empty table.
   *
   * @param limit How many flows are kept at most; what comes after them has no number.
   */
  constructor(readonly limit: number = Infinity) {}

  /** The number of an IPv4 flow, or -1 beyond the limit; addresses are unsigned 32-bit numbers, ports 0 where there are none. */
  find(source: number, destination: number, sourcePort: number, destinationPort: number, protocol: number): number {
    const ports = ((sourcePort << 16) | destinationPort) >>> 0;
    this.hash = mix(source, destination, ports, protocol);
    const mask = this.#slots.length - 1;
    for (let slot = this.hash & mask;; slot = (slot + 1) & mask) {
      const flow = this.#slots[slot]!;
      if (flow === -1) return this.#isFull ? -1 : this.#add(slot, source, destination, ports, protocol);
      if (this.#is(flow, source, destination, ports, protocol)) return flow;
    }
  }

  /**
   * The number of the flow of the packet whose IP header, all there, begins at absolute offset `ipAt`, or -1 beyond the
   * limit. `version` is 4 or 6; `protocol` is that of the transport, behind any extension headers. The bytes are only read, and not kept.
   */
  findAt(
    u8: Uint8Array,
    ipAt: number,
    version: number,
    sourcePort: number,
    destinationPort: number,
    protocol: number,
  ): number {
    if (version === 6) return this.#findIpv6(u8, ipAt + ipv6.OFFSET_SOURCE, sourcePort, destinationPort, protocol);
    return this.find(ipv4.source(u8, ipAt), ipv4.destination(u8, ipAt), sourcePort, destinationPort, protocol);
  }

  /** Version of a flow, 4 or 6. `flow` is one that `find()` or `findAt()` has returned, here and below. */
  version(flow: number): number {
    return this.#words[flow * WORDS + 3]! >= IPV6_MARK ? 6 : 4;
  }

  /** Source address of a flow of IPv4, an unsigned 32-bit number. */
  source(flow: number): number {
    return this.#words[flow * WORDS]!;
  }

  /** Destination address of a flow of IPv4, an unsigned 32-bit number. */
  destination(flow: number): number {
    return this.#words[flow * WORDS + 1]!;
  }

  /** Source address of a flow of either version as text. */
  sourceText(flow: number): string {
    if (this.version(flow) === 4) return ipv4.formatAddress(this.source(flow));
    return this.#textAt(this.#words[flow * WORDS]! * ADDRESSES_WORDS);
  }

  /** Destination address of a flow of either version as text. */
  destinationText(flow: number): string {
    if (this.version(flow) === 4) return ipv4.formatAddress(this.destination(flow));
    return this.#textAt(this.#words[flow * WORDS]! * ADDRESSES_WORDS + ADDRESSES_WORDS / 2);
  }

  /** Source port of a flow, 0 where there is none. */
  sourcePort(flow: number): number {
    return this.#words[flow * WORDS + 2]! >>> 16;
  }

  /** Destination port of a flow, 0 where there is none. */
  destinationPort(flow: number): number {
    return this.#words[flow * WORDS + 2]! & 0xffff;
  }

  /** Protocol number of a flow (`ip_protocol.ts`). */
  protocol(flow: number): number {
    return this.#words[flow * WORDS + 3]! & 0xff;
  }

  get #isFull(): boolean {
    return this.size >= this.limit;
  }

  #is(flow: number, source: number, destination: number, ports: number, protocol: number): boolean {
    const at = flow * WORDS;
    return this.#words[at] === source && this.#words[at + 1] === destination && this.#words[at + 2] === ports &&
      this.#words[at + 3] === protocol;
  }

  /** `at` is the absolute offset of the source address, which the destination address follows. */
  #findIpv6(u8: Uint8Array, at: number, sourcePort: number, destinationPort: number, protocol: number): number {
    const ports = ((sourcePort << 16) | destinationPort) >>> 0;
    const marked = protocol | IPV6_MARK;
    const hash = mix(mixAddress(u8, at), mixAddress(u8, at + ipv6.ADDRESS_BYTES), ports, marked);
    this.hash = hash;
    const mask = this.#slots.length - 1;
    for (let slot = hash & mask;; slot = (slot + 1) & mask) {
      const flow = this.#slots[slot]!;
      if (flow === -1) return this.#isFull ? -1 : this.#add(slot, this.#addAddresses(u8, at), hash, ports, marked);
      if (this.#isIpv6(flow, hash, ports, marked, u8, at)) return flow;
    }
  }

  #isIpv6(flow: number, hash: number, ports: number, marked: number, u8: Uint8Array, at: number): boolean {
    const words = flow * WORDS;
    if (this.#words[words + 1] !== hash || this.#words[words + 2] !== ports) return false;
    if (this.#words[words + 3] !== marked) return false;
    const row = this.#words[words]! * ADDRESSES_WORDS;
    for (let i = 0; i < ADDRESSES_WORDS; i++) if (this.#addresses[row + i] !== get32(u8, at + 4 * i)) return false;
    return true;
  }

  /** Keeps source and destination and returns their row. */
  #addAddresses(u8: Uint8Array, at: number): number {
    const row = this.#rows++;
    const start = row * ADDRESSES_WORDS;
    if (start === this.#addresses.length) {
      const addresses = new Uint32Array(2 * start);
      addresses.set(this.#addresses);
      this.#addresses = addresses;
    }
    for (let i = 0; i < ADDRESSES_WORDS; i++) this.#addresses[start + i] = get32(u8, at + 4 * i);
    return row;
  }

  /** The address of which the first word is kept at `start`, as text. */
  #textAt(start: number): string {
    const u8 = new Uint8Array(ipv6.ADDRESS_BYTES);
    for (let i = 0; i < 4; i++) set32(u8, 4 * i, this.#addresses[start + i]!);
    return formatAddress6(u8, 0);
  }

  #add(slot: number, first: number, second: number, ports: number, protocol: number): number {
    const flow = this.size++;
    const at = flow * WORDS;
    this.#words[at] = first;
    this.#words[at + 1] = second;
    this.#words[at + 2] = ports;
    this.#words[at + 3] = protocol;
    this.#slots[slot] = flow;
    if (this.size * 2 > this.#slots.length) this.#grow();
    return flow;
  }

  #grow(): void {
    const length = this.#slots.length * 2;
    const words = new Uint32Array(length * WORDS);
    words.set(this.#words);
    this.#words = words;
    this.#slots = new Int32Array(length).fill(-1);
    for (let flow = 0; flow < this.size; flow++) {
      const at = flow * WORDS;
      const isIpv6 = words[at + 3]! >= IPV6_MARK;
      const hash = isIpv6 ? words[at + 1]! : mix(words[at]!, words[at + 1]!, words[at + 2]!, words[at + 3]!);
      let slot = hash & (length - 1);
      while (this.#slots[slot] !== -1) slot = (slot + 1) & (length - 1);
      this.#slots[slot] = flow;
    }
  }
}

/** Mixes four words into one (the finalizer of MurmurHash3 after each). */
function mix(a: number, b: number, c: number, d: number): number {
  return finalize(finalize(finalize(finalize(a) ^ b) ^ c) ^ d) >>> 0;
}

/** Mixes the four words of an IPv6 address into one. */
function mixAddress(u8: Uint8Array, at: number): number {
  return mix(get32(u8, at), get32(u8, at + 4), get32(u8, at + 8), get32(u8, at + 12));
}

function finalize(word: number): number {
  let h = word | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}
