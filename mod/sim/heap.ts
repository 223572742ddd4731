/**
 * The event heap: what happens next, by (time, order of insertion).
 *
 * A binary heap in parallel arrays. Times are whole nanoseconds; two entries of one time come out in the order they went
 * in, so a run does not depend on how the heap happens to be shaped.
 *
 * ```ts
 * const heap = new EventHeap<string>();
 * heap.push(200, "later");
 * heap.push(100, "sooner");
 * heap.pop(); // "sooner"
 * ```
 *
 * @module
 */

/** A priority queue of items by time, first in first out among equals. */
export class EventHeap<Item> {
  readonly #times: number[] = [];
  readonly #orders: number[] = [];
  readonly #items: Item[] = [];
  #pushed = 0;

  get length(): number {
    return this.#items.length;
  }

  /** Time of the first entry; Infinity when there is none. */
  get firstTimeNs(): number {
    return this.#times[0] ?? Infinity;
  }

  push(timeNs: number, item: Item): void {
    let hole = this.#items.length;
    const order = this.#pushed++;
    while (hole > 0) {
      const parent = (hole - 1) >> 1;
      if (!this.#before(timeNs, order, parent)) break;
      this.#move(parent, hole);
      hole = parent;
    }
    this.#set(hole, timeNs, order, item);
  }

  /** Removes and returns the first entry; undefined when there is none. */
  pop(): Item | undefined {
    const first = this.#items[0];
    const timeNs = this.#times.pop();
    const order = this.#orders.pop();
    const item = this.#items.pop();
    if (timeNs === undefined || order === undefined || this.#items.length === 0) return first;
    this.#set(this.#sink(timeNs, order), timeNs, order, item as Item);
    return first;
  }

  /** Moves the hole at the top down to where (timeNs, order) belongs and returns its place. */
  #sink(timeNs: number, order: number): number {
    const length = this.#items.length;
    let hole = 0;
    for (let child = 1; child < length; child = 2 * hole + 1) {
      if (child + 1 < length && this.#before(this.#times[child + 1]!, this.#orders[child + 1]!, child)) child += 1;
      if (this.#before(timeNs, order, child)) break;
      this.#move(child, hole);
      hole = child;
    }
    return hole;
  }

  #before(timeNs: number, order: number, other: number): boolean {
    const otherTime = this.#times[other]!;
    return timeNs < otherTime || (timeNs === otherTime && order < this.#orders[other]!);
  }

  #move(from: number, to: number): void {
    this.#set(to, this.#times[from]!, this.#orders[from]!, this.#items[from]!);
  }

  #set(at: number, timeNs: number, order: number, item: Item): void {
    this.#times[at] = timeNs;
    this.#orders[at] = order;
    this.#items[at] = item;
  }
}
