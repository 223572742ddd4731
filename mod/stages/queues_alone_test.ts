/** NET_RX, the qdisc and the NIC alone: limits that a whole run with `pace=max` does not reach. */

import { assertEquals } from "@std/assert";
import { REASON } from "../ledger/schema.ts";
import { tcpFrame } from "../replay/testing.ts";
import { SOFTIRQ } from "../sim/cpu.ts";
import { RxFrame, writeFrame } from "../skb/dma.ts";
import type { Skb } from "../skb/skb.ts";
import { DeviceNapi } from "./device_napi.ts";
import { Gro } from "./gro.ts";
import { NetRx } from "./net_rx.ts";
import { NetTxOfHost } from "./net_tx.ts";
import { Qdisc } from "./qdisc.ts";
import { Pfifo } from "./qdisc_pfifo.ts";
import { RxRing } from "./rx_ring.ts";
import { StageFixture } from "./testing.ts";
import { FINISH, type TransmitValidator } from "./transmit_list.ts";
import { TxNic } from "./tx_nic.ts";

/** Nothing is needed between queue and driver. */
const AS_IT_IS: TransmitValidator = { segments: () => [], refuses: () => false, finish: () => FINISH.ready };

Deno.test("NET_RX gives way after 300 packets, at the end of a poll", () => {
  const fixture = new StageFixture();
  const { host, engine } = fixture;
  let received = 0;
  const seen: number[] = [];
  host.cpu.onSoftirq(SOFTIRQ.netTx, { step: () => (seen.push(received), false) });
  const gate = {
    process: (skb: Skb): void => {
      received += 1;
      if (received % 100 === 1) host.cpu.raise(SOFTIRQ.netTx, 0);
      host.skbs.free(skb, REASON.consumed);
    },
  };
  const ring = new RxRing(800);
  new DeviceNapi(host, new NetRx(host), ring, new Gro(host, gate));
  const bytes = tcpFrame({ payloadBytes: 0 });
  for (let packet = 0; packet < 800; packet++) {
    const frame = new RxFrame();
    writeFrame(host.skbs.memory, frame, bytes, 0, bytes.length, bytes.length);
    ring.arrive(frame, 0);
  }
  engine.run();
  assertEquals(received, 800);
  assertEquals(seen, [320, 640, 800]);
});

Deno.test("a full queue drops what comes last; the requeued packet counts against the limit, as a part of the queue", () => {
  const fixture = new StageFixture(["tx_ring=4", "link_gbps=0.001"]);
  const { host, engine } = fixture;
  const nic = new TxNic(host, new NetTxOfHost(host), null);
  const qdisc = new Qdisc(host, nic, new Pfifo(host, 2), AS_IT_IS);
  const frame = tcpFrame({ payloadBytes: 0 });
  for (let packet = 0; packet < 10; packet++) qdisc.process(fixture.linear(packet, frame, 0));
  // Four in the ring, one refused, one in the queue.
  assertEquals(qdisc.length, 2);
  engine.run();
  nic.advance(Infinity);
  fixture.finish();
  const packets = (event: string): number[] => fixture.events.of(event).map(({ packet }) => packet);
  // Half of the ring free again takes both of them.
  assertEquals(packets("requeue"), [4]);
  assertEquals(packets("enqueue"), [5]);
  assertEquals(packets("drop"), [6, 7, 8, 9]);
});

Deno.test("the shortest frame on the wire has 60 bytes, 24 of overhead behind them", () => {
  const fixture = new StageFixture(["tx_ring=8", "link_gbps=1"]);
  const nic = new TxNic(fixture.host, new NetTxOfHost(fixture.host), null);
  for (const payloadBytes of [0, 20, 21]) nic.transmit(fixture.linear(0, tcpFrame({ payloadBytes }), 0));
  nic.advance(Infinity);
  fixture.finish();
  assertEquals(fixture.events.of("send").map(({ tNs, bytes }) => [bytes, tNs]), [[40, 672], [60, 1344], [61, 2024]]);
});
