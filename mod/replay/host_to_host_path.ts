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
 * With `mode=none` packets go between them in the clear (`plain_paths.ts`).
 *
 * The loop is closed: of each connection no more than `window_kib` is on its way. CPUs of A come first, those of B follow: in
 * events.csv the column `cpu` says which host a row is of. The last of B are those on which processes read (`reader_cpu=own`).
 *
 * Departures: nothing that the other side sent in the capture is sent here, nor what it would answer to datagrams. Both hosts
 * are of one configuration. `pace` does not act: packets are there as soon as the process can write them.
 *
 * @module
 */

import { readerCpusOf } from "../config/reader_cpus.ts";
import { REASON } from "../ledger/schema.ts";
import { NS_PER_US } from "../ledger/units.ts";
import { SkbNumbers } from "../skb/skb_memory.ts";
import { Host } from "../stages/host.ts";
import { IngressGate } from "../stages/ingress_gate.ts";
import { Link } from "../stages/link.ts";
import { AcknowledgedSockets, StreamSockets } from "../stages/loop_sockets.ts";
import { NETDEV_MAX_BACKLOG } from "../stages/packet_queue.ts";
import { ReadingProcesses } from "../stages/reading_process.ts";
import { TcpConnections } from "../stages/tcp_connection.ts";
import type { PathParts, PlainParts } from "./forward_path.ts";
import { buildPlainReceive, buildPlainSend } from "./plain_paths.ts";
import { buildReceivePath, type ReceiveEnd } from "./receive_path.ts";
import { buildSendPath, framesInsideMax, type SendEnd } from "./send_path.ts";

const BYTES_PER_KIB = 1024;

/** Two hosts, built. */
export interface HostToHostPath {
  /** The host that sends. */
  readonly send: SendEnd;
  /** The host that receives. */
  readonly receiver: Host;
  readonly connections: TcpConnections;
  /** Captured packets inside both hosts and on the link, and packets in queues. */
  heldPackets(): number;
  queuedPackets(): number;
  /** Gives back what the stages hold for themselves. */
  release(): void;
}

/** How the hosts send and receive: A and then B what is written, B and then A what acknowledges it. */
interface Ways {
  /** ESP was left in the clear, because nobody looks. */
  readonly leavesClear: boolean;
  send(parts: PlainParts): SendEnd;
  receive(parts: PlainParts): ReceiveEnd;
  answer(parts: PlainParts): SendEnd;
  answered(parts: PlainParts): ReceiveEnd;
}

/** Chains the stages of both hosts, with an SA for each direction. */
export function buildHostToHostPath(parts: PathParts): HostToHostPath {
  const { config, reverse, sa, aead } = parts;
  if (reverse === undefined) throw new Error("Cannot build path host-to-host: there is no SA for the way back");
  const there = { sa, aead, opener: aead };
  const back = { sa: reverse.sa, aead: reverse.aead, opener: reverse.aead };
  return buildHosts(parts, {
    leavesClear: aead === null || config.engine === "skip",
    send: (common) => buildSendPath({ ...common, ...there }),
    receive: (common) => buildReceivePath({ ...common, ...there }),
    answer: (common) => buildSendPath({ ...common, ...back }),
    answered: (common) => buildReceivePath({ ...common, ...back }),
  });
}

/** The same without IPsec. */
export function buildPlainHostToHostPath(parts: PlainParts): HostToHostPath {
  return buildHosts(parts, {
    leavesClear: false,
    send: buildPlainSend,
    receive: buildPlainReceive,
    answer: buildPlainSend,
    answered: buildPlainReceive,
  });
}

function buildHosts(parts: PlainParts, ways: Ways): HostToHostPath {
  const { engine, ledger, probe, poison } = parts;
  const config = { ...parts.config, then: "socket" } as const;
  const numbers = new SkbNumbers();
  const common = { config, engine, ledger, probe, poison, numbers };
  const sendingGate = new IngressGate(framesInsideMax(config));
  const a = new Host({ ...common, gate: sendingGate, sendReason: REASON.toPeer });
  const stackCpus = a.cpus.all.length;
  const cpus = { count: stackCpus + readerCpusOf(config), first: stackCpus };
  const b = new Host({ ...common, cpus, gate: new IngressGate(NETDEV_MAX_BACKLOG), sendReason: REASON.toSender });
  const readerCpus = b.cpus.all.slice(stackCpus);
  const readers = readerCpus.length === 0 ? null : new ReadingProcesses(b, readerCpus);
  const connections = new TcpConnections(config.window_kib * BYTES_PER_KIB);
  const shared = { config, engine, ledger, poison, tap: null };
  const send = ways.send({ ...shared, host: a, connections });
  const answer = ways.answer({ ...shared, host: b });
  const { output, sender: { turns } } = answer;
  const receive = ways.receive({
    ...shared,
    host: b,
    socketsOf: (others) => new StreamSockets(b, connections, { host: b, output, turns }, others, readers),
  });
  const answered = ways.answered({
    ...shared,
    host: a,
    socketsOf: (others) => new AcknowledgedSockets(a, connections, others),
  });
  const wire = {
    delayNs: Math.round(config.link_delay_us * NS_PER_US),
    leavesClear: ways.leavesClear,
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
