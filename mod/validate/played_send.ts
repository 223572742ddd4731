/**
 * The packets that a recorded host sent, played: its sockets write them again, and they go through the local sender that every
 * run builds (`replay/send_path.ts`).
 *
 * The process of the recordings wrote everything at once, and the congestion window decided what went out together. So every
 * packet of `input.pcap` is a write of its own here (`"writes": "as-recorded"`). What was sent stayed in the queue for long: of
 * the other side's answers, which `input.pcap` does not have, only that to SYN counts.
 *
 * @module
 */

import { openCapture, sourceOfBytes } from "../capture/mod.ts";
import { playSend } from "../replay/players.ts";
import { buildSendPath, type SendPath } from "../replay/send_path.ts";
import { Engine } from "../sim/engine.ts";
import type { Skb } from "../skb/skb.ts";
import * as tcp from "../wire/tcp.ts";
import { PathLog } from "./path_log.ts";
import type { PlayedPath } from "./played_path.ts";
import { SizedAssociation, type SuiteSizes } from "./recorded_sa.ts";
import type { Recording } from "./recording.ts";
import { configOf, WorkLedger } from "./stage_host.ts";
import { watchSend } from "./watch.ts";

/** Plays the packets of host A, at the times at which they were recorded, under a suite of these sizes. */
export async function playSent({ scenario, inputFile }: Recording, sizes: SuiteSizes): Promise<PlayedPath> {
  const [recorded] = scenario.sa!;
  const sets = ["path=send", "pace=capture", "nodelay=on", `mtu=${scenario.mtu}`, `mode=${recorded!.mode}`];
  const works = new WorkLedger();
  const parts = {
    config: configOf(scenario, sets),
    engine: new Engine(),
    ledger: works.ledger,
    sa: new SizedAssociation(sizes, recorded!),
    aead: null,
    tap: null,
    poison: true,
  };
  const path = buildSendPath(parts);
  const log = new PathLog(path.host, works);
  watchSend(path, log);
  writeAsRecorded(path, scenario.traffic?.sizes ?? []);
  const reader = await openCapture(sourceOfBytes(inputFile), "input.pcap");
  const { traffic, release } = playSend(path, parts, { reader, name: "input.pcap", isLocal: () => true, pass: null });
  parts.engine.paused = true;
  while (parts.engine.paused || !parts.engine.run()) traffic.resume(await reader.fill());
  release();
  log.takeWork();
  return { log, liveBlocks: path.host.skbs.memory.live };
}

/** `sizes` are those of the datagrams; a list says in which parts one was written. */
function writeAsRecorded({ host, sender, xfrm }: SendPath, sizes: readonly unknown[]): void {
  const put = sender.put.bind(sender);
  let datagrams = 0;
  sender.put = (packet, nowNs) => {
    packet.endsWrite = true;
    if (!packet.isTcp) packet.writes = partsOf(sizes[datagrams++], packet.payloadBytes);
    put(packet, nowNs);
  };
  const process = xfrm.process.bind(xfrm);
  xfrm.process = (skb) => {
    const { u8 } = host.skbs.memory;
    if (isSyn(u8, skb)) {
      const number = tcp.sequence(u8, skb.head.at + skb.transportHeader);
      sender.acknowledge(skb.flow, (number + 1) >>> 0);
    }
    process(skb);
  };
}

/** Parts that are as long as the datagram; null for a datagram that was written at once. */
function partsOf(size: unknown, bytes: number): number[] | null {
  if (!Array.isArray(size) || !size.every((part) => Number.isSafeInteger(part) && part > 0)) return null;
  const parts = size as number[];
  return parts.reduce((sum, part) => sum + part, 0) === bytes ? parts : null;
}

function isSyn(u8: Uint8Array, skb: Skb): boolean {
  return skb.checksumOffset === tcp.OFFSET_CHECKSUM &&
    (tcp.flags(u8, skb.head.at + skb.transportHeader) & tcp.FLAG_SYN) !== 0;
}
