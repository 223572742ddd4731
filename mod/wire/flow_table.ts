/**
 * Numbers for L4 flows, in order of first appearance: one direction of one five-tuple is one flow.
 *
 * An open-addressing hash table in typed arrays, so that a capture of a million flows costs a few look-ups per packet and
 * no objects.
 *
 * ```ts
 * const flows = new FlowTable();
 * flows.find(0xc0000201, 0xc0000202, 40000, 5001, 6); // 0
 * flows.hash; // of the flow found last
 * ```
 *
 * @module
 */

/** Words kept per flow: source, destination, ports, protocol. */
const WORDS = 4;
const START_SLOTS = 1024;

/** A table of IPv4 flows. */
export class FlowTable {
  /** Flows seen. */
  size = 0;
  /** Hash of the flow found last, an unsigned 32-bit number. */
  hash = 0;

  #slots: Int32Array = new Int32Array(START_SLOTS).fill(-1);
  #words: Uint32Array = new Uint32Array(START_SLOTS * WORDS);

  /** The number of a flow; addresses are unsigned 32-bit numbers, ports 0 where there are none. */
  find(source: number, destination: number, sourcePort: number, destinationPort: number, protocol: number): number {
    const ports = ((sourcePort << 16) | destinationPort) >>> 0;
    this.hash = mix(source, destination, ports, protocol);
    const mask = this.#slots.length - 1;
    for (let slot = this.hash & mask;; slot = (slot + 1) & mask) {
      const flow = this.#slots[slot]!;
      if (flow === -1) return this.#add(slot, source, destination, ports, protocol);
      if (this.#is(flow, source, destination, ports, protocol)) return flow;
    }
  }

  /** Source address of a flow, an unsigned 32-bit number. `flow` is one that `find()` has returned, here and below. */
  source(flow: number): number {
    return this.#words[flow * WORDS]!;
  }

  /** Destination address of a flow, an unsigned 32-bit number. */
  destination(flow: number): number {
    return this.#words[flow * WORDS + 1]!;
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
    return this.#words[flow * WORDS + 3]!;
  }

  #is(flow: number, source: number, destination: number, ports: number, protocol: number): boolean {
    const at = flow * WORDS;
    return this.#words[at] === source && this.#words[at + 1] === destination && this.#words[at + 2] === ports &&
      this.#words[at + 3] === protocol;
  }

  #add(slot: number, source: number, destination: number, ports: number, protocol: number): number {
    const flow = this.size++;
    const at = flow * WORDS;
    this.#words[at] = source;
    this.#words[at + 1] = destination;
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
      let slot = mix(words[at]!, words[at + 1]!, words[at + 2]!, words[at + 3]!) & (length - 1);
      while (this.#slots[slot] !== -1) slot = (slot + 1) & (length - 1);
      this.#slots[slot] = flow;
    }
  }
}

/** Mixes four words into one (the finalizer of MurmurHash3 after each). */
function mix(a: number, b: number, c: number, d: number): number {
  return finalize(finalize(finalize(finalize(a) ^ b) ^ c) ^ d) >>> 0;
}

function finalize(word: number): number {
  let h = word | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}
