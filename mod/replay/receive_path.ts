/**
 * Path `receive`: the end of the tunnel. ESP frames arrive at NIC 0, are decrypted, and end in sockets or go on in the clear.
 *
 * ```text
 * traffic -> RX ring -> NAPI poll -> driver -> GRO -> tap -> IP input -> ESP input -> (one of the queues)
 * ... esp_gro=on: ... -> GRO -> ESP input -> GRO cells
 * GRO cells (tunnel, 6.1) -> NAPI poll -> GRO -> tap -> IP input -> socket
 * backlog (tunnel, 4.4) -> tap -> IP input -> socket
 * transport queue (6.1), or nothing (4.4) -> IP input -> socket
 * ... then=forward: ... -> tap -> forward -> IP output -> qdisc -> NIC
 * ```
 *
 * @module
 */

import type { Config } from "../config/schema.ts";
import { InboundTable } from "../esp/inbound.ts";
import { Cpu } from "../sim/cpu.ts";
import { Memory } from "../skb/memory.ts";
import type { Skb } from "../skb/skb.ts";
import { DeviceNapi } from "../stages/device_napi.ts";
import { EspGro } from "../stages/esp_gro.ts";
import { EspInput } from "../stages/esp_input.ts";
import { Forward } from "../stages/forward.ts";
import { Gro } from "../stages/gro.ts";
import { GroCells } from "../stages/gro_cells.ts";
import { Gso } from "../stages/gso.ts";
import { type Host, skbMemoryFor, type Stage } from "../stages/host.ts";
import { IngressGate } from "../stages/ingress_gate.ts";
import { IpOutput } from "../stages/ip_output.ts";
import { LocalIn } from "../stages/local_in.ts";
import { NetRx } from "../stages/net_rx.ts";
import { type ListStage, NetifReceive } from "../stages/netif_receive.ts";
import { NetifRx } from "../stages/netif_rx.ts";
import { NETDEV_MAX_BACKLOG } from "../stages/packet_queue.ts";
import { PacketTap } from "../stages/packet_tap.ts";
import { PlainOutput } from "../stages/plain_output.ts";
import { Qdisc } from "../stages/qdisc.ts";
import { RxRing } from "../stages/rx_ring.ts";
import { SocketReceive } from "../stages/socket_receive.ts";
import { TransQueue } from "../stages/trans_queue.ts";
import { TxNic } from "../stages/tx_nic.ts";
import { ValidatePlain } from "../stages/validate_plain.ts";
import type { PathParts } from "./forward_path.ts";

/** A receiver, built. */
export interface ReceivePath {
  readonly host: Host;
  readonly netRx: NetRx;
  readonly ring: RxRing;
  /** The GRO state of NIC 0. */
  readonly gro: Gro;
  readonly espInput: EspInput;
  /** The second pass of GRO. */
  readonly cells: GroCells;
  /** Takes packets that come up as ESP, and packets that come up in the clear. */
  readonly outer: NetifReceive;
  readonly inner: NetifReceive;
  /** IP input of our own host. */
  readonly localIn: LocalIn;
  /** Captured packets inside the host, and packets in its queues. */
  heldPackets(): number;
  queuedPackets(): number;
  /** Gives back what the stages hold for themselves. */
  release(): void;
}

/** Chains the stages, from the far end backwards. */
export function buildReceivePath(parts: PathParts): ReceivePath {
  const { config, ledger } = parts;
  const host: Host = {
    config,
    ledger,
    skbs: skbMemoryFor(config, new Memory({ poison: parts.poison }), ledger),
    cpu: new Cpu<Skb>(0, parts.engine, ledger),
    gate: new IngressGate(insideMaxOf(config)),
    probe: parts.probe ?? null,
  };
  const netRx = new NetRx(host);
  const tap = new PacketTap(host);
  const sockets = new SocketReceive(host);
  // ESP input hands clear packets to IP input, which hands ESP packets to it.
  const espDoor: Stage = { process: (skb) => espInput.process(skb) };
  const localIn = new LocalIn(host, { esp: espDoor, sockets });
  const egress = config.then === "forward" ? buildEgress(host, parts) : null;
  const inner = new NetifReceive(host, tap, false, egress?.forward ?? localIn);
  const netifRx = new NetifRx(host, netRx, inner.listStart);
  const cells = new GroCells(host, netRx, new Gro(host, inner, inner.listStart), netifRx);
  const transQueue = new TransQueue(host, localIn.deliverDoor);
  const isEra44 = config.era === "4.4";
  const inbound = new InboundTable([{ sa: parts.sa, aead: parts.opener ?? null }], config.replay_window);
  const espInput = new EspInput(host, inbound, {
    tunnel: isEra44 ? netifRx : cells,
    transport: isEra44 ? localIn.deliverDoor : transQueue,
    fromGro: cells,
  });
  const outer = new NetifReceive(host, tap, true, localIn);
  const espGro = config.esp_gro === "on" ? new EspGro(host, espInput) : null;
  const gro = new Gro(host, outer, outer.listStart, undefined, espGro);
  const ring = new RxRing(config.rx_ring);
  new DeviceNapi(host, netRx, ring, gro);
  const queues = [cells, netifRx, transQueue];
  const queued = (): number => (egress?.qdisc.length ?? 0) + queues.reduce((sum, { length }) => sum + length, 0);
  return {
    host,
    netRx,
    ring,
    gro,
    espInput,
    cells,
    outer,
    inner,
    localIn,
    heldPackets: () => {
      const waiting = queues.reduce((sum, { heldPackets }) => sum + heldPackets, 0);
      return gro.heldPackets + ring.length + waiting + (egress?.qdisc.length ?? 0);
    },
    queuedPackets: queued,
    release: () => tap.release(),
  };
}

/**
 * Frames inside at most under `pace=max`: no queue overflows while all of them fit into one. A packet that may be cut leaves in
 * two fragments.
 */
function insideMaxOf({ then, qdisc_limit }: Config): number {
  if (then === "socket") return NETDEV_MAX_BACKLOG;
  return Math.min(NETDEV_MAX_BACKLOG, Math.max(1, Math.floor(qdisc_limit / 2)));
}

/** The way on of clear packets (`then=forward`). */
interface Egress {
  readonly forward: ListStage;
  readonly qdisc: Qdisc;
}

function buildEgress(host: Host, { config, engine, tap }: PathParts): Egress {
  const nic = new TxNic(host, engine, config.tx_ring, config.link_gbps, tap);
  const qdisc = new Qdisc(host, nic, config.qdisc_limit, new ValidatePlain(host, new Gso(host, 0)));
  const output = new PlainOutput(host, new IpOutput(host, qdisc, config.mtu), config.mtu);
  return { forward: new Forward(host, output, 0, config.mtu), qdisc };
}
