/**
 * What the engine itself takes of real time: events, steps and ledger rows with their prices and folds, around stages that do
 * nothing. One iteration is 10 000 packets, each as eventful as in path forward with preset nocopy: an arrival, three steps
 * of the CPU, 14 rows (among them a poll and a departure); divide.
 *
 * Here it is below 1 us per packet; `replay/path_bench.ts` has whole runs, where bytes and headers come on top.
 */

import { priceOf } from "../cost/profile.ts";
import { PROFILES } from "../cost/profiles.ts";
import { Delivery } from "../ledger/delivery.ts";
import { Ledger } from "../ledger/ledger.ts";
import { EVENT, NONE, REASON, STAGE } from "../ledger/schema.ts";
import { Tally } from "../ledger/tally.ts";
import { type Cpu, type Door, SOFTIRQ, type Task } from "./cpu.ts";
import { Cpus } from "./cpus.ts";
import { type Actor, Engine } from "./engine.ts";

const PACKETS = 10_000;
const FRAME_BYTES = 1514;
const INTERVAL_NS = 4000;
/** Stages that a packet passes in its second step, and in its third. */
const UPPER = ["forward", "xfrm-output", "esp-output"] as const;
const LOWER = ["ip-output", "qdisc", "driver-tx"] as const;

class Packet {
  readonly id: number;

  constructor(readonly packet: number) {
    this.id = packet;
  }
}

/** A machine whose stages write rows and do nothing else. */
class Machine implements Task, Actor {
  readonly engine = new Engine();
  readonly tally = new Tally();
  readonly delivery = new Delivery();
  readonly ledger = new Ledger(priceOf(PROFILES.get("published")!), [this.tally, this.delivery]);
  readonly cpu: Cpu<Packet> = new Cpus<Packet>(1, this.engine, this.ledger).all[0]!;
  readonly #ring: Packet[] = [];
  readonly #upper: Door<Packet> = { process: (item) => this.#up(item) };
  readonly #lower: Door<Packet> = { process: (item) => this.#down(item) };
  #next = 0;
  #taken = 0;

  constructor() {
    this.cpu.onSoftirq(SOFTIRQ.netRx, this);
  }

  wake(nowNs: number): void {
    const packet = new Packet(this.#next++);
    const { ledger } = this;
    ledger.writeDevice(
      nowNs,
      STAGE["rx-ring"],
      EVENT.arrive,
      REASON.none,
      packet.packet,
      NONE,
      FRAME_BYTES,
      1,
      1460,
      0,
    );
    this.#ring.push(packet);
    this.cpu.raise(SOFTIRQ.netRx, nowNs);
    if (this.#next < PACKETS) this.engine.schedule(nowNs + INTERVAL_NS, this);
  }

  step(): boolean {
    const { ledger } = this;
    const packet = this.#ring[this.#taken];
    if (packet === undefined) {
      ledger.stage = STAGE.napi;
      ledger.write(EVENT.poll, REASON.pollEnd, NONE, NONE, NONE, 0, 1, 0);
      return false;
    }
    this.#taken += 1;
    ledger.visit(STAGE["driver-rx"], packet.packet, packet.id, FRAME_BYTES, 1);
    ledger.note(EVENT.alloc, REASON.napiAllocSkb, packet, 320);
    ledger.note(EVENT.copy, REASON.driverPull, packet, 56);
    this.cpu.handOn(this.#upper, packet);
    return true;
  }

  #up(packet: Packet): void {
    const { ledger } = this;
    for (const stage of UPPER) ledger.visit(STAGE[stage], packet.packet, packet.id, FRAME_BYTES, 1);
    ledger.note(EVENT.tail, REASON.tailFragment, packet, 20);
    ledger.request(EVENT.seal, REASON.aesGcm, packet, 1504, 3, 3);
    this.cpu.handOn(this.#lower, packet);
  }

  #down(packet: Packet): void {
    const { ledger } = this;
    for (const stage of LOWER) ledger.visit(STAGE[stage], packet.packet, packet.id, FRAME_BYTES, 1);
    ledger.writeDevice(ledger.nowNs, STAGE.nic, EVENT.send, REASON.none, packet.packet, packet.id, 1570, 1, 1460, 0);
    ledger.note(EVENT.free, REASON.sent, packet, 1570);
  }
}

Deno.bench({
  name: `engine alone: ${PACKETS} packets, three steps and 15 rows each`,
  fn: () => {
    const machine = new Machine();
    machine.engine.schedule(0, machine);
    machine.engine.run();
    machine.ledger.finish();
    if (machine.delivery.frames !== PACKETS) throw new Error("Cannot trust this bench: packets are missing");
  },
});
