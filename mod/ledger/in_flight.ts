/**
 * A number for each packet that is under way, found by packet number.
 *
 * Packets enter in order and leave soon after, so a ring indexed by the low bits of the packet number is enough; it grows
 * when two packets under way would meet in one slot.
 *
 * @module
 */

const START_SLOTS = 256;
const EMPTY = -1;

/** Holds one number per packet under way. */
export class InFlight {
  #packets = new Float64Array(START_SLOTS).fill(EMPTY);
  #values = new Float64Array(START_SLOTS);

  set(packet: number, value: number): void {
    while (true) {
      const slot = packet % this.#packets.length;
      const there = this.#packets[slot]!;
      if (there === EMPTY || there === packet) {
        this.#packets[slot] = packet;
        this.#values[slot] = value;
        return;
      }
      this.#grow();
    }
  }

  /** Takes the number of `packet` out; undefined when there is none. */
  take(packet: number): number | undefined {
    const slot = packet % this.#packets.length;
    if (this.#packets[slot] !== packet) return undefined;
    this.#packets[slot] = EMPTY;
    return this.#values[slot];
  }

  #grow(): void {
    const packets = this.#packets;
    const values = this.#values;
    this.#packets = new Float64Array(packets.length * 2).fill(EMPTY);
    this.#values = new Float64Array(packets.length * 2);
    packets.forEach((packet, slot) => {
      if (packet === EMPTY) return;
      this.#packets[packet % this.#packets.length] = packet;
      this.#values[packet % this.#values.length] = values[slot]!;
    });
  }
}
