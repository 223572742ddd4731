/** ESP input with asynchronous crypto: what comes out is the same, later, on another CPU, or lost where a queue is full. */

import { assert, assertEquals } from "@std/assert";
import { ENGINES } from "../crypto/engines.ts";
import { sealEspPacket } from "../esp/esp_packet.ts";
import { InboundTable } from "../esp/inbound.ts";
import { testSecurityAssociation } from "../esp/sa.ts";
import { EVENT, NONE, REASON } from "../ledger/schema.ts";
import { captureOf, runOf, tcpFrame, type TestRun } from "../replay/testing.ts";
import { SOFTIRQ } from "../sim/cpu.ts";
import { put, reserve } from "../skb/head_ops.ts";
import type { Skb } from "../skb/skb.ts";
import { ETH_HLEN } from "../wire/ethernet.ts";
import * as ipv4 from "../wire/ipv4.ts";
import { cryptoOf } from "./crypto_runner.ts";
import { EspInput } from "./esp_input.ts";
import { interleaved, StageFixture } from "./testing.ts";

const ENGINES_OF_HOST = ["cryptd", "pcrypt", "accel"];

/** Payload bytes that sockets got, and packets, of a run that keeps the laws. */
async function received(sets: readonly string[]): Promise<TestRun> {
  const run = await runOf(captureOf(interleaved(4, 50)), "linux-6.1-module", ["path=receive", ...sets]);
  assertEquals(run.run.failures, []);
  return run;
}

function deliveredBytes({ run }: TestRun): number {
  return run.tally.sum({ event: "deliver", reason: REASON.toSocket }).payloadBytes;
}

for (const crypto of ENGINES_OF_HOST) {
  for (const mode of ["tunnel", "transport"]) {
    Deno.test(`sockets get the same payload whoever decrypts (${crypto}, ${mode})`, async () => {
      for (const around of [["era=6.1"], ["era=4.4", "cryptd_qlen=1000"], ["esp_gro=off"], ["gcm_sg=single"]]) {
        const inline = await received([`mode=${mode}`, ...around]);
        const sets = [`crypto=${crypto}`, "async=callback", "net_cpus=2", "crypto_cpus=2", "callback_cpu=3"];
        const later = await received([`mode=${mode}`, ...around, ...sets]);
        assertEquals(deliveredBytes(later), deliveredBytes(inline));
        assertEquals(later.run.tally.sum({ event: "drop" }).rows, 0);
        assertEquals(later.run.tally.sum({ event: "open" }).rows, inline.run.tally.sum({ event: "open" }).rows);
      }
    });
  }
}

Deno.test("clear packets go up on the CPU that is called back, with GRO cells of its own", async () => {
  const { events } = await received(["crypto=pcrypt", "async=callback", "crypto_cpus=2", "callback_cpu=2"]);
  const cells = events.of("enqueue").filter(({ stage }) => stage === "gro-cells");
  assertEquals([...new Set(cells.map(({ cpu }) => cpu))], [2]);
  assertEquals([...new Set(events.of("deliver").map(({ cpu }) => cpu))], [2]);
  assertEquals([...new Set(events.of("open").map(({ cpu }) => cpu))].sort(), [0, 1, 2]);
});

Deno.test("ESP input loses what a full crypto queue refuses", async () => {
  const { run } = await received(["crypto=cryptd", "async=callback", "cryptd_qlen=4", "napi_weight=64"]);
  const refused = run.tally.sum({ event: "drop", reason: REASON.cryptoFull });
  assert(refused.count > 100, `${refused.count}`);
  assertEquals(run.tally.sum({ event: "open" }).rows, 200 - refused.count);
});

/** A host with ESP input and cryptd. */
class Alone {
  readonly fixture = new StageFixture(["path=receive", "crypto=cryptd", "async=callback"]);
  readonly sa = testSecurityAssociation({ seed: 1 });
  readonly clear: number[] = [];
  readonly #packets: Skb[] = [];

  constructor() {
    const { host } = this.fixture;
    const end = {
      process: (skb: Skb): void => {
        this.clear.push(skb.packet);
        host.ledger.write(EVENT.deliver, REASON.toSocket, skb.packet, skb.id, NONE, 0, 1, 0);
        host.skbs.free(skb, REASON.consumed);
      },
    };
    const aead = this.sa.aead(ENGINES.noble);
    const table = new InboundTable([{ sa: this.sa, aead }], 64);
    const input = new EspInput(host, table, { tunnel: end, transport: end, fromGro: end }, cryptoOf(host).runner);
    host.cpu.onSoftirq(SOFTIRQ.netRx, {
      step: () => {
        input.process(this.#packets.shift()!);
        return this.#packets.length > 0;
      },
    });
  }

  /** A packet with this sequence number arrives; one byte of it is changed at `changed`, counted from the end. */
  arrive(packet: number, sequence: number, changed = 0): this {
    const { host } = this.fixture;
    const inner = tcpFrame({ payloadBytes: 100 }).subarray(ETH_HLEN);
    const bytes = sealEspPacket(inner, this.sa, this.sa.aead(ENGINES.noble), sequence, packet);
    if (changed > 0) bytes[bytes.length - changed]! ^= 1;
    const skb = host.skbs.allocSkb(2000);
    reserve(skb, 100);
    put(skb, bytes.length);
    host.skbs.memory.u8.set(bytes, skb.dataAt);
    skb.packet = packet;
    skb.networkHeader = skb.data;
    skb.macHeader = skb.data - ETH_HLEN;
    skb.data += ipv4.HEADER_BYTES;
    skb.len -= ipv4.HEADER_BYTES;
    skb.transportHeader = skb.data;
    this.#packets.push(skb);
    return this;
  }

  run(): this {
    this.fixture.host.cpu.raise(SOFTIRQ.netRx, 0);
    this.fixture.engine.run();
    this.fixture.finish();
    return this;
  }

  get drops(): string[] {
    return this.fixture.events.of("drop").map(({ packet, reason }) => `${packet}: ${reason}`);
  }
}

Deno.test("two packets of one number that are in crypto together: the second is a replay when it comes back", () => {
  const alone = new Alone().arrive(0, 7).arrive(1, 7).arrive(2, 8).run();
  assertEquals(alone.clear, [0, 2]);
  assertEquals(alone.drops, ["1: replay"]);
  assertEquals(alone.fixture.events.of("open").length, 3);
});

Deno.test("a wrong ICV is found by the callback, and the number stays free for the packet that has it by right", () => {
  const alone = new Alone().arrive(0, 7, 1).arrive(1, 7).run();
  assertEquals(alone.clear, [1]);
  assertEquals(alone.drops, ["0: icv"]);
  assertEquals(alone.fixture.events.of("reject").map(({ packet }) => packet), [0]);
  assertEquals(alone.fixture.host.skbs.memory.live, 0);
});
