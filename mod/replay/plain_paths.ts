/**
 * The paths without IPsec (`mode=none`): a router, a sender, a receiver; of the last two path `host-to-host` is made.
 *
 * ```text
 * forward: traffic -> RX ring -> NAPI poll -> driver -> GRO -> forward -> IP output -> qdisc -> (GSO) -> NIC
 * send:    traffic -> process -> TCP socket (queue, clone) or datagram -> IP output -> qdisc -> (GSO) -> NIC
 * receive: traffic -> RX ring -> NAPI poll -> driver -> GRO -> tap -> IP input -> socket
 * ... then=forward: ... -> tap -> forward -> IP output -> qdisc -> (GSO) -> NIC
 * ```
 *
 * No transform, and no policy to look for one: what leaves a socket goes to IP output as it is. Aggregates go down to the device, and
 * are cut by it (`nic_tso=on`), or by software between queue and driver, by reference where the device gathers
 * (`validate_plain.ts`; net/core/dev.c: validate_xmit_skb). Checksums are the device's, or are filled in there.
 *
 * Departures: without GSO and without checksums of the device (`nic_tx_csum=off`) TCP of 4.4 sums while it copies from the process;
 * here the sum is made in front of the driver, as in 6.1.
 *
 * ```ts
 * const path = buildPlainSend({ config, engine, ledger, tap: null, poison: false });
 * ```
 *
 * @module
 */

import type { Config } from "../config/schema.ts";
import { egressQueue } from "../stages/egress.ts";
import { Gso } from "../stages/gso.ts";
import { Host } from "../stages/host.ts";
import { IngressGate } from "../stages/ingress_gate.ts";
import { IpOutput } from "../stages/ip_output.ts";
import { LocalIn } from "../stages/local_in.ts";
import { LocalOut } from "../stages/local_out.ts";
import { NetTxOfHost } from "../stages/net_tx.ts";
import { NetifReceive } from "../stages/netif_receive.ts";
import { PacketTap } from "../stages/packet_tap.ts";
import { SocketReceive } from "../stages/socket_receive.ts";
import { TxNic } from "../stages/tx_nic.ts";
import { ValidatePlain } from "../stages/validate_plain.ts";
import type { InnerMtu } from "../stages/xfrm_output.ts";
import type { ForwardPath, PlainParts } from "./forward_path.ts";
import { buildIngress } from "./ingress.ts";
import { buildEgress, insideMaxOf, type ReceiveEnd, type Router } from "./receive_path.ts";
import { buildSockets, framesInsideMax, type SendEnd } from "./send_path.ts";

/** No transform asks for room. */
const NO_ROOM = { headerBytes: 0, trailerBytes: 0 } as const;

/** Chains the stages of a router, from the wire backwards. */
export function buildPlainForward(parts: PlainParts): ForwardPath {
  const host = hostOf(parts, framesInsideMax(parts.config));
  const { forward, qdisc } = buildEgress(host, parts, routerOf(parts.config));
  const { rings, gros } = buildIngress(host, forward);
  return { host, rings, gros, qdisc, innerMtu: linkMtu(parts.config), release: () => {} };
}

/** Chains the stages of a sender, from the wire backwards. */
export function buildPlainSend(parts: PlainParts): SendEnd {
  const { config } = parts;
  const host = parts.host ?? hostOf(parts, framesInsideMax(config));
  const nic = new TxNic(host, new NetTxOfHost(host), parts.tap);
  const qdisc = egressQueue(host, nic, new ValidatePlain(host, new Gso(host, 0), config.nic_tx_csum === "on"));
  const innerMtu = linkMtu(config);
  const output = new LocalOut(host, new IpOutput(host, qdisc, config.mtu), innerMtu, false);
  const way = { output, innerMtu, room: NO_ROOM, isTunnel: false, maxSegments: Infinity };
  return { host, output, nic, qdisc, ...buildSockets(host, parts, way) };
}

/** Chains the stages of a host that receives, from the far end backwards. */
export function buildPlainReceive(parts: PlainParts): ReceiveEnd {
  const { config } = parts;
  const host = parts.host ?? hostOf(parts, insideMaxOf(config));
  const tap = new PacketTap(host);
  const others = new SocketReceive(host);
  const sockets = parts.socketsOf?.(others) ?? others;
  // ESP of the capture is a protocol as any other.
  const localIn = new LocalIn(host, { esp: sockets, sockets });
  const egress = config.then === "forward" ? buildEgress(host, parts, routerOf(config)) : null;
  const { rings, gros } = buildIngress(host, new NetifReceive(host, tap, false, egress?.forward ?? localIn));
  const queued = (): number => egress?.qdisc.length ?? 0;
  return {
    host,
    rings,
    heldPackets: () => {
      return gros.reduce((sum, gro) => sum + gro.heldPackets, 0) + rings.length + localIn.heldPackets + queued();
    },
    queuedPackets: queued,
    release: () => {
      localIn.release();
      tap.release();
    },
  };
}

/** A machine with so many frames inside at most. */
function hostOf({ config, engine, ledger, probe, poison }: PlainParts, insideMax: number): Host {
  return new Host({ config, engine, ledger, gate: new IngressGate(insideMax), probe, poison });
}

/** No policies are there to be looked at. */
function routerOf({ nic_tx_csum }: Config): Router {
  return { checksumOffload: nic_tx_csum === "on", hasPolicies: false };
}

/** The MTU of the link is that of every packet. */
function linkMtu({ mtu }: Config): InnerMtu {
  return { ipv4: mtu, ipv6: mtu };
}
