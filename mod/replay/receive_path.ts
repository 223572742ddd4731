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
 * ... offload=packet: RX ring -> NAPI poll -> driver -> GRO -> tap -> IP input -> socket
 * ```
 *
 * Departures: `era=4.4` has no GRO cells, not even in preset linux-4.14, whose Linux had them (since 4.11), unless its ESP
 * handler is on. Outgoing packets are shown to no tap.
 *
 * @module
 */

import type { Config } from "../config/schema.ts";
import { InboundTable } from "../esp/inbound.ts";
import { cryptoOf } from "../stages/crypto_runner.ts";
import { DeviceNapi } from "../stages/device_napi.ts";
import { egressQueue } from "../stages/egress.ts";
import { EspGro } from "../stages/esp_gro.ts";
import { EspInput } from "../stages/esp_input.ts";
import { Forward } from "../stages/forward.ts";
import { Gro } from "../stages/gro.ts";
import { GroCells } from "../stages/gro_cells.ts";
import { Gso } from "../stages/gso.ts";
import { Host, type Stage } from "../stages/host.ts";
import { IcmpErrors } from "../stages/icmp.ts";
import { IngressGate } from "../stages/ingress_gate.ts";
import { IpOutput } from "../stages/ip_output.ts";
import { LocalIn } from "../stages/local_in.ts";
import { NetRx } from "../stages/net_rx.ts";
import { NetTxOfHost } from "../stages/net_tx.ts";
import { EspOrClear, NetifReceive } from "../stages/netif_receive.ts";
import { NetifRx } from "../stages/netif_rx.ts";
import { NETDEV_MAX_BACKLOG } from "../stages/packet_queue.ts";
import { PacketTap } from "../stages/packet_tap.ts";
import { PerCpu } from "../stages/per_cpu.ts";
import { PlainOutput } from "../stages/plain_output.ts";
import type { EgressQueue } from "../stages/qdisc.ts";
import { NicEspInput } from "../stages/nic_esp_input.ts";
import { RxRings } from "../stages/rx_rings.ts";
import { SocketReceive } from "../stages/socket_receive.ts";
import { TransQueue } from "../stages/trans_queue.ts";
import { TxNic } from "../stages/tx_nic.ts";
import { UdpEncapReceive } from "../stages/udp_encap_receive.ts";
import { ValidatePlain } from "../stages/validate_plain.ts";
import type { PathParts } from "./forward_path.ts";

/** A receiver, built: with or without ESP. */
export interface ReceiveEnd {
  readonly host: Host;
  /** The rings of NIC 0, one for each networking CPU. */
  readonly rings: RxRings;
  /** Captured packets inside the host, and packets in its queues. */
  heldPackets(): number;
  queuedPackets(): number;
  /** Gives back what the stages hold for themselves. */
  release(): void;
}

/** A receiver of ESP, built. */
export interface ReceivePath extends ReceiveEnd {
  /** The GRO state of each ring. */
  readonly gros: readonly Gro[];
  readonly espInput: EspInput;
  /** The second pass of GRO. */
  readonly cells: PerCpu<GroCells>;
  /** Takes packets that come up as ESP, and packets that come up in the clear. */
  readonly outer: NetifReceive;
  readonly inner: NetifReceive;
  /** IP input of our own host. */
  readonly localIn: LocalIn;
}

/** Chains the stages, from the far end backwards. */
export function buildReceivePath(parts: PathParts): ReceivePath {
  const { config, engine, ledger, probe, poison } = parts;
  const host = parts.host ??
    new Host({ config, engine, ledger, gate: new IngressGate(insideMaxOf(config)), probe, poison });
  const { all: cpus } = host.cpus;
  const netRxs = cpus.map((cpu) => new NetRx(host, cpu));
  const tap = new PacketTap(host);
  const others = new SocketReceive(host);
  const sockets = parts.socketsOf?.(others) ?? others;
  // ESP input hands clear packets to IP input, which hands ESP packets to it.
  const espDoor: Stage = { process: (skb) => espInput.process(skb) };
  const encapsulatedDoor: Stage = { process: (skb) => espInput.processEncapsulated(skb) };
  const localIn = new LocalIn(host, { esp: espDoor, sockets, ...udpStage(host, parts, encapsulatedDoor, sockets) });
  const egress = config.then === "forward" ? buildEgress(host, parts) : null;
  const inner = new NetifReceive(host, tap, false, egress?.forward ?? localIn);
  const netifRx = new PerCpu(host, netRxs.map((netRx) => new NetifRx(host, netRx, inner.listStart)));
  const makeCells = (netRx: NetRx): GroCells => {
    return new GroCells(host, netRx, new Gro(host, inner, inner.listStart), netifRx);
  };
  const cells = new PerCpu(host, netRxs.map(makeCells));
  const transQueue = new PerCpu(host, cpus.map((cpu) => new TransQueue(host, localIn.deliverDoor, cpu)));
  const isEra44 = config.era === "4.4";
  const inbound = parts.directory?.table ??
    new InboundTable([{ sa: parts.sa, aead: parts.opener ?? null }], config.replay_window);
  const espInput = new EspInput(host, inbound, {
    tunnel: isEra44 ? netifRx : cells,
    transport: isEra44 ? localIn.deliverDoor : transQueue,
    fromGro: cells,
  }, cryptoOf(host).runner);
  const outer = new NetifReceive(host, tap, true, localIn);
  const espGro = config.esp_gro === "on" ? new EspGro(host, espInput) : null;
  const rings = new RxRings(config.net_cpus, config.rx_ring);
  if (config.offload !== "none") rings.esp = new NicEspInput(host, inbound);
  const up = config.offload === "packet" ? new EspOrClear(outer, inner) : outer;
  const gros = rings.all.map((ring, i) => {
    const gro = new Gro(host, up, up.listStart, undefined, espGro);
    new DeviceNapi(host, netRxs[i]!, ring, gro);
    return gro;
  });
  const queues = [...cells.all, ...netifRx.all, ...transQueue.all];
  const queued = (): number => (egress?.qdisc.length ?? 0) + queues.reduce((sum, { length }) => sum + length, 0);
  return {
    host,
    rings,
    gros,
    espInput,
    cells,
    outer,
    inner,
    localIn,
    heldPackets: () => {
      const waiting = queues.reduce((sum, { heldPackets }) => sum + heldPackets, 0);
      const merging = gros.reduce((sum, gro) => sum + gro.heldPackets, 0);
      return merging + rings.length + waiting + localIn.heldPackets + (egress?.qdisc.length ?? 0);
    },
    queuedPackets: queued,
    release: () => {
      localIn.release();
      tap.release();
    },
  };
}

/** Where ESP comes in UDP: the socket that takes it out. */
function udpStage(host: Host, { sa, directory }: PathParts, esp: Stage, sockets: Stage): { udp?: Stage } {
  if (directory === undefined && sa.encapsulation === null) return {};
  const ports = directory?.ports ?? new Set([sa.encapsulation!.destinationPort]);
  return { udp: new UdpEncapReceive(host, ports, { esp, sockets }) };
}

/**
 * Frames inside at most under `pace=max`: no queue overflows while all of them fit into one. A packet that may be cut leaves in
 * two fragments.
 */
export function insideMaxOf({ then, qdisc_limit }: Config): number {
  if (then === "socket") return NETDEV_MAX_BACKLOG;
  return Math.min(NETDEV_MAX_BACKLOG, Math.max(1, Math.floor(qdisc_limit / 2)));
}

/** The way on of clear packets (`then=forward`). */
export interface Egress {
  readonly forward: Forward;
  readonly gso: Gso;
  readonly qdisc: EgressQueue;
}

/** What a router is, whatever the configuration says of it. */
export interface Router {
  /** NIC 1 fills in transport checksums. */
  readonly checksumOffload: boolean;
  /** Clear packets are held against IPsec policies, as where there are tunnels. */
  readonly hasPolicies: boolean;
}

/** Chains the stages of that way. */
export function buildEgress(
  host: Host,
  { config, tap }: Pick<PathParts, "config" | "tap">,
  { checksumOffload, hasPolicies }: Router = { checksumOffload: config.nic_tx_csum === "on", hasPolicies: true },
): Egress {
  const nic = new TxNic(host, new NetTxOfHost(host), tap);
  const gso = new Gso(host, 0);
  const icmp = new IcmpErrors(host);
  const qdisc = egressQueue(host, nic, new ValidatePlain(host, gso, checksumOffload));
  const output = new PlainOutput(host, new IpOutput(host, qdisc, config.mtu), config.mtu, icmp);
  return { forward: new Forward(host, output, 0, config.mtu, hasPolicies, icmp), gso, qdisc };
}
