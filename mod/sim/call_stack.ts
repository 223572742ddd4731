/**
 * What waits on a CPU behind the step that runs: tasks, and doors with their items, the next on top.
 *
 * In parallel arrays that never shrink: a step hands on one or two things, and nothing is allocated for that.
 *
 * ```ts
 * const stack = new CallStack<Skb>();
 * stack.push(null, door, skb);
 * stack.pop();
 * stack.door!.process(stack.item!);
 * ```
 *
 * @module
 */

/** A stack of entries, each a task, or a door with an item. */
export class CallStack<Task, Door, Item> {
  /** Entries that wait. */
  length = 0;
  /** The entry that was taken last. */
  task: Task | null = null;
  door: Door | null = null;
  item: Item | null = null;

  readonly #tasks: (Task | null)[] = [];
  readonly #doors: (Door | null)[] = [];
  readonly #items: (Item | null)[] = [];

  push(task: Task | null, door: Door | null, item: Item | null): void {
    const at = this.length++;
    this.#tasks[at] = task;
    this.#doors[at] = door;
    this.#items[at] = item;
  }

  /** Takes the entry on top, which there is, into `task`, `door` and `item`. */
  pop(): void {
    const at = --this.length;
    this.task = this.#tasks[at]!;
    this.door = this.#doors[at]!;
    this.item = this.#items[at]!;
  }

  /** Moves all entries of `other` here, the first that was pushed there on top. */
  takeReversed(other: CallStack<Task, Door, Item>): void {
    while (other.length > 0) {
      other.pop();
      this.push(other.task, other.door, other.item);
    }
  }
}
