/**
 * Path `host-to-host`: the sockets of host A send through ESP over a link to the sockets of host B, which acknowledge.
 *
 * ```text
 * A: traffic -> process -> TCP socket or datagram -> as on path send -> NIC
 *                                                                        | link_gbps, link_delay_us
 * B:                         socket <- as on path receive <- RX ring <---+
 * B: acknowledgment -> as on path send, under an SA of its own -> NIC
 *                                                                  | link
 * A: TCP socket <- as on path receive <- RX ring <-----------------+
 * ```
 *
 * The loop is closed: of each connection no more than `window_kib` is on its way. CPUs of A come first, those of B follow: in
 * events.csv the column `cpu` says which host a row is of.
 *
 * Departures: nothing that the other side sent in the capture is sent here, nor what it would answer to datagrams. Both hosts
 * are of one configuration. `pace` does not act: packets are there as soon as the process can write them.
 *
 * @module
 */

import { REASON } from "../ledger/schema.ts";
import { NS_PER_US } from "../ledger/units.ts";
import { SkbNumbers } from "../skb/skb_memory.ts";
import { Host } from "../stages/host.ts";
import { IngressGate } from "../stages/ingress_gate.ts";
import { Link } from "../stages/link.ts";
import { AcknowledgedSockets, StreamSockets } from "../stages/loop_sockets.ts";
import { NETDEV_MAX_BACKLOG } from "../stages/packet_queue.ts";
import { TcpConnections } from "../stages/tcp_connection.ts";
import type { PathParts } from "./forward_path.ts";
import { buildReceivePath } from "./receive_path.ts";
import { buildSendPath, framesInsideMax, type SendPath } from "./send_path.ts";

const BYTES_PER_KIB = 1024;

/** Two hosts, built. */
export interface HostToHostPath {
  /** The host that sends. */
  readonly send: SendPath;
  /** The host that receives. */
  readonly receiver: Host;
  readonly connections: TcpConnections;
  /** Captured packets inside both hosts and on the link, and packets in queues. */
  heldPackets(): number;
  queuedPackets(): number;
  /** Gives back what the stages hold for themselves. */
  release(): void;
}

/** Chains the stages of both hosts. */
export function buildHostToHostPath(parts: PathParts): HostToHostPath {
  const { engine, ledger, probe, poison, reverse, aead } = parts;
  if (reverse === undefined) throw new Error("Cannot build path host-to-host: there is no SA for the way back");
  const config = { ...parts.config, then: "socket" } as const;
  const numbers = new SkbNumbers();
  const common = { config, engine, ledger, probe, poison, numbers };
  const sendingGate = new IngressGate(framesInsideMax(config));
  const a = new Host({ ...common, gate: sendingGate, sendReason: REASON.toPeer });
  const cpus = { count: a.cpus.all.length, first: a.cpus.all.length };
  const b = new Host({ ...common, cpus, gate: new IngressGate(NETDEV_MAX_BACKLOG), sendReason: REASON.toSender });
  const connections = new TcpConnections(config.window_kib * BYTES_PER_KIB);
  const there = { ...parts, config, tap: null, opener: aead };
  const back = { ...there, sa: reverse.sa, aead: reverse.aead, opener: reverse.aead };
  const send = buildSendPath({ ...there, host: a, connections });
  const answer = buildSendPath({ ...back, host: b });
  const { output, sender: { turns } } = answer;
  const receive = buildReceivePath({
    ...there,
    host: b,
    socketsOf: (others) => new StreamSockets(b, connections, { host: b, output, turns }, others),
  });
  const answered = buildReceivePath({
    ...back,
    host: a,
    socketsOf: (others) => new AcknowledgedSockets(a, connections, others),
  });
  const wire = {
    delayNs: Math.round(config.link_delay_us * NS_PER_US),
    leavesClear: aead === null || config.engine === "skip",
    tap: parts.wireTap ?? null,
  };
  const linkThere = new Link({ ...wire, from: a, to: b, rings: receive.rings, watchesGate: true });
  const linkBack = new Link({ ...wire, from: b, to: a, rings: answered.rings, watchesGate: false });
  send.nic.wire = linkThere;
  answer.nic.wire = linkBack;
  return {
    send,
    receiver: b,
    connections,
    heldPackets: () => {
      const inB = receive.heldPackets() + answer.qdisc.length;
      const inA = send.sender.length + send.qdisc.length + answered.heldPackets();
      return inA + inB + linkThere.heldPackets + linkBack.heldPackets + connections.openPackets;
    },
    queuedPackets: () => {
      return send.qdisc.length + answer.qdisc.length + receive.queuedPackets() + answered.queuedPackets();
    },
    release: () => {
      connections.release();
      for (const path of [send, answer, receive, answered]) path.release();
    },
  };
}
