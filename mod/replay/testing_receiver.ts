/**
 * A receiver on its own, for tests that want to know what its sockets got. Not part of the library.
 *
 * ```ts
 * const { payloads } = await receiveCapture(captureOf(bulk(3)), "nocopy");
 * payloads.get(0); // the payload of the first captured packet, as its socket got it
 * ```
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { openCapture } from "../capture/mod.ts";
import { resolveConfig } from "../config/resolve.ts";
import { ENGINES } from "../crypto/engines.ts";
import { Ledger } from "../ledger/ledger.ts";
import { Engine } from "../sim/engine.ts";
import { packetAt, packetsIn, payloadAt } from "../skb/members.ts";
import { gather } from "../skb/scatterlist.ts";
import type { Skb } from "../skb/skb.ts";
import { watchEntry } from "../validate/watch.ts";
import { PROTOCOL_TCP } from "../wire/ip_protocol.ts";
import * as ip from "../wire/ip.ts";
import * as tcp from "../wire/tcp.ts";
import { EspArrivals } from "./esp_arrivals.ts";
import { localityOf } from "./locality.ts";
import { NicEntrance } from "./nic_entrance.ts";
import { buildReceivePath, type ReceivePath } from "./receive_path.ts";
import { testAssociation } from "./associations.ts";
import { surveyReceiver } from "./receiver_survey.ts";
import type { CaptureInput } from "./run.ts";
import { Recorder } from "./testing.ts";
import { Traffic } from "./traffic.ts";

/** What came of a capture. */
export interface ReceivedCapture {
  /** What sockets got of each captured packet, behind its transport header, by the number of the packet. */
  readonly payloads: ReadonlyMap<number, string>;
  /** Captured packets in the order in which their sockets had them. */
  readonly order: readonly number[];
  readonly events: Recorder;
  readonly arrivals: EspArrivals;
}

/** Plays a capture into a receiver whose packets end in sockets; what is encrypted, is really. */
export async function receiveCapture(
  input: CaptureInput,
  preset: string,
  sets: readonly string[] = [],
): Promise<ReceivedCapture> {
  const { config } = resolveConfig({ preset, sets: ["path=receive", ...sets] });
  const engine = new Engine();
  const events = new Recorder();
  const ledger = new Ledger(() => 1, [events]);
  const sa = testAssociation(config)!;
  const aead = sa.aead(ENGINES.noble);
  const path = buildReceivePath({ config, engine, ledger, sa, aead, opener: aead, tap: null, poison: true });
  const { hasEsp, busiestReceiver } = await surveyReceiver(await openCapture(await input.open(), input.name));
  const { memory } = path.host.skbs;
  const arrivals = new EspArrivals(ledger, memory, {
    isLocal: localityOf(config, busiestReceiver),
    mtu: config.mtu,
    sa,
    sealer: aead,
    leavesClear: false,
    opener: aead,
    hasEsp,
    hashesInner: false,
    pass: null,
    captureName: input.name,
  });
  const got = new Sockets(path);
  const reader = await openCapture(await input.open(), input.name);
  const entrance = new NicEntrance({ ledger, memory, rings: path.rings, gate: path.host.gate, firstCpu: 0 }, arrivals);
  const options = { clock: null, waitsForRoom: false, captureName: input.name };
  const traffic = new Traffic(reader, engine, arrivals, entrance, options);
  engine.paused = true;
  while (engine.paused || !engine.run()) traffic.resume(await reader.fill());
  path.release();
  ledger.finish();
  assertEquals([memory.live, path.heldPackets(), path.queuedPackets()], [0, 0, 0]);
  return { payloads: got.payloads, order: got.order, events, arrivals };
}

/** Looks at what sockets get. */
class Sockets {
  readonly payloads = new Map<number, string>();
  readonly order: number[] = [];

  constructor(readonly path: ReceivePath) {
    watchEntry(path.localIn.protocols.sockets, (skb) => this.#see(skb));
  }

  #see(skb: Skb): void {
    const { skbs } = this.path.host;
    const bytes = new Uint8Array(skb.len);
    gather(skbs, skb, 0, skb.len, bytes);
    const isTcp = ip.protocol(skbs.memory.u8, skb.head.at + skb.networkHeader) === PROTOCOL_TCP;
    let at = isTcp ? tcp.dataOffsetBytes(bytes, 0) : 8;
    for (let i = 0; i < packetsIn(skb); i++) {
      const end = at + payloadAt(skb, i);
      this.payloads.set(packetAt(skb, i), bytes.subarray(at, end).toHex());
      this.order.push(packetAt(skb, i));
      at = end;
    }
    assertEquals(at, bytes.length);
  }
}
