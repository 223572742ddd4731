/** What asynchronous crypto makes of a list on its way to the driver: taken, refused, or made to wait. */

import { assertEquals } from "@std/assert";
import { REASON } from "../ledger/schema.ts";
import type { Skb } from "../skb/skb.ts";
import { drop, type Host } from "./host.ts";
import type { NetTxWork } from "./net_tx.ts";
import { takeRefusal } from "./refusal.ts";
import { QueueFixture } from "./testing_queues.ts";
import { FINISH, type TransmitValidator } from "./transmit_list.ts";

const CUT_BYTES = 300;

/** A validator that cuts every packet into four, the first of which has its number, and does with each as told. */
class Crypto implements TransmitValidator {
  host!: Host;
  /** What becomes of the segment that comes next; ready when nothing is said. */
  readonly results: number[] = [];
  /** How many times something has to wait. */
  waits = 0;
  taken: Skb[] = [];

  constructor(readonly pieces: number = 4) {}

  segments(skb: Skb): readonly Skb[] {
    if (this.pieces === 0) return [];
    const { skbs } = this.host;
    const segments = Array.from({ length: this.pieces }, (_, i) => {
      const segment = skbs.allocSkb(CUT_BYTES);
      segment.tail = CUT_BYTES;
      segment.len = CUT_BYTES;
      segment.packet = 10 * skb.packet + i;
      segment.espProtocol = 4;
      return segment;
    });
    skbs.free(skb, REASON.segmented);
    return segments;
  }

  refuses(_: Skb, queue: NetTxWork): boolean {
    if (this.waits === 0) return false;
    this.waits -= 1;
    this.fixture.nic.netTx.current.schedule(queue, this.host.cpu.nowNs);
    return true;
  }

  finish(skb: Skb): number {
    const result = this.results.shift() ?? FINISH.ready;
    if (result === FINISH.ready) skb.espProtocol = 0;
    if (result === FINISH.taken) this.taken.push(skb);
    if (result === FINISH.refused) drop(this.host, skb, REASON.malformed);
    return result;
  }

  fixture!: QueueFixture;
}

/** Packet 1 through a queue, `results` being what crypto makes of its segments. */
function play(crypto: Crypto, ...sets: string[]): QueueFixture {
  const fixture = new QueueFixture(sets, () => 0, crypto);
  crypto.host = fixture.host;
  crypto.fixture = fixture;
  fixture.send({ atNs: 0, packet: 1 });
  fixture.run();
  for (const skb of crypto.taken) fixture.host.skbs.free(skb, REASON.consumed);
  assertEquals(fixture.host.skbs.memory.live, 0);
  return fixture;
}

function crypto(results: readonly number[], pieces?: number): Crypto {
  const made = new Crypto(pieces);
  made.results.push(...results);
  return made;
}

const { ready, taken, refused } = FINISH;

for (const qdisc of ["pfifo", "noqueue"]) {
  Deno.test(`segments that crypto takes are off the list, and the others are sent (${qdisc})`, () => {
    const fixture = play(crypto([taken, ready, taken, ready]), `qdisc=${qdisc}`);
    assertEquals(fixture.sent, [11, 13]);
    assertEquals(fixture.packets("drop"), []);
    assertEquals(takeRefusal(fixture.host), false);
  });

  Deno.test(`a segment that crypto refuses takes the rest of its aggregate with it (${qdisc})`, () => {
    const fixture = play(crypto([taken, refused]), `qdisc=${qdisc}`);
    assertEquals(fixture.sent, []);
    assertEquals(fixture.packets("drop", "malformed"), [11]);
    assertEquals(fixture.packets("drop", "burst-refused"), [12, 13]);
    assertEquals(takeRefusal(fixture.host), qdisc === "noqueue");
  });
}

Deno.test("dev_queue_xmit returns an error when crypto has taken all of it and there is no queue, none where there is one", () => {
  for (const pieces of [0, 4]) {
    const all = crypto([taken, taken, taken, taken], pieces);
    assertEquals(takeRefusal(play(all, "qdisc=noqueue").host), true);
    assertEquals(takeRefusal(play(crypto([taken, taken, taken, taken], pieces), "qdisc=pfifo").host), false);
  }
});

Deno.test("segments that must wait are put back unfinished, and each is asked again when it leaves", () => {
  const waiting = crypto([]);
  waiting.waits = 3;
  const fixture = play(waiting, "era=6.1");
  assertEquals(fixture.packets("requeue", "behind-backlog"), [10, 11, 12, 13, 10, 11]);
  // In 6.1 a packet that is put back again goes behind the others.
  assertEquals(fixture.sent, [12, 13, 10, 11]);
});

Deno.test("segments that must wait stay in order in 4.4", () => {
  const waiting = crypto([]);
  waiting.waits = 3;
  assertEquals(play(waiting, "era=4.4").sent, [10, 11, 12, 13]);
});
