/**
 * Probes in the stages of a path, where the recordings had theirs in the kernel: on entry of a function, and where it returns.
 *
 * The path is the one that every run builds (`replay/forward_path.ts`); a probe takes the place of a method of one stage, notes
 * what it sees in a {@linkcode PathLog}, and calls the method.
 *
 * @module
 */

import { REASON, REASONS } from "../ledger/schema.ts";
import type { ForwardPath } from "../replay/forward_path.ts";
import type { Egress } from "../replay/receive_path.ts";
import type { SendPath } from "../replay/send_path.ts";
import { payloadLength } from "../skb/members.ts";
import type { Skb } from "../skb/skb.ts";
import { EspOutput } from "../stages/esp_output.ts";
import type { EspTransform } from "../stages/esp_transform.ts";
import { Forward } from "../stages/forward.ts";
import type { Gso } from "../stages/gso.ts";
import type { Stage } from "../stages/host.ts";
import type { IcmpErrors } from "../stages/icmp.ts";
import type { TxNic } from "../stages/tx_nic.ts";
import { XfrmOutput } from "../stages/xfrm_output.ts";
import { trailerResult } from "./esp_output_rows.ts";
import { type PathLog, TAKEN } from "./path_log.ts";
import { type ResultRow, skbRow } from "./skb_row.ts";

/** Copies of it are an inline memcpy that no probe sees. */
const UNSEEN = REASONS[REASON.segmentLinear]!.kernelFunction;

/**
 * Puts probes into all stages of a gateway, and into those behind `others`, the xfrm output of other SAs than the first; where
 * `ends` is xfrm output, packets go no further.
 */
export function watchForward(
  { gros, qdisc }: ForwardPath,
  others: readonly XfrmOutput[],
  log: PathLog,
  ends: "xfrm-output" | "driver",
): void {
  const forward = gros[0]!.next;
  if (!(forward instanceof Forward) || !(forward.next instanceof XfrmOutput)) {
    throw new Error("Cannot watch such a path");
  }
  watchEntry(forward, (skb) => log.deliver(skb));
  if (ends === "xfrm-output") forward.next.process = (skb) => log.take(skb);
  for (const xfrm of [forward.next, ...others]) watchXfrm(xfrm, log);
  watchAnswers(forward.icmp, log);
  watchDriver(qdisc.nic, log);
}

/** The stages of one SA. */
function watchXfrm(xfrm: XfrmOutput, log: PathLog): void {
  const { gso, espOutput } = xfrm.parts;
  if (!(espOutput instanceof EspOutput)) throw new Error("Cannot watch such a path");
  watchEntry(xfrm, (skb) => log.forward(skb));
  watchSegments(gso, log);
  watchTrailers(espOutput.transform, log);
}

/** Puts probes into the stages of a router that knows no ESP. */
export function watchEgress({ forward, gso, qdisc: { nic } }: Egress, log: PathLog): void {
  watchEntry(forward, (skb) => log.deliver(skb));
  watchSegments(gso, log);
  watchAnswers(forward.icmp, log);
  watchDriver(nic, log);
}

/** Puts probes into the stages behind the sockets of a local sender. */
export function watchSend({ xfrm, transform, qdisc: { nic } }: SendPath, log: PathLog): void {
  watchEntry(xfrm, (skb) => log.forward(skb));
  watchSegments(xfrm.parts.gso, log);
  watchTrailers(transform, log);
  const transmit = nic.transmit.bind(nic);
  nic.transmit = (skb) => {
    const row = { ...skbRow(log.u8, skb), rc: TAKEN };
    const isTaken = transmit(skb);
    if (isTaken) log.sent.push(row);
    return isTaken;
  };
}

/** Shows buffers as they enter a stage. */
export function watchEntry(stage: Stage, see: Stage["process"]): void {
  const process = stage.process.bind(stage);
  stage.process = (skb) => {
    see(skb);
    process(skb);
  };
}

/** esp_output_head: sizes count from the first byte to encrypt. */
function watchTrailers(transform: EspTransform, log: PathLog): void {
  const makeTrailer = transform.makeTrailer.bind(transform);
  transform.makeTrailer = (skb, offset, nextHeader, tfcBytes = 0) => {
    log.takeWork();
    const protectedBytes = skb.len - offset;
    const before = {
      ...skbRow(log.u8, skb),
      len: protectedBytes,
      headlen: skb.headlen - offset,
      headroom: skb.headroom + offset,
      tailroom: skb.tailroom,
      tailspace: skb.head.endOffset - skb.tail,
    };
    const entry = { offset, protectedBytes, dataLen: skb.dataLen, tfcBytes };
    const toNewPage = makeTrailer(skb, offset, nextHeader, tfcBytes);
    const work = log.takeWork();
    log.trailers.push({ ...before, ...trailerResult(entry, transform.sa.icvBytes, skb, work, toNewPage) });
    return toNewPage;
  };
}

/** skb_segment: sizes of the aggregate count from its payload. */
function watchSegments(gso: Gso, log: PathLog): void {
  const cut = gso.segment.bind(gso);
  gso.segment = (skb, emit, features) => {
    log.takeWork();
    const payloadBytes = payloadLength(skb);
    const before = { ...skbRow(log.u8, skb), len: payloadBytes, headlen: payloadBytes - skb.dataLen };
    const segments: ResultRow[] = [];
    const see = (segment: Skb): void => {
      segments.push({ ...skbRow(log.u8, segment), tailspace: segment.head.endOffset - segment.tail });
      emit(segment);
    };
    cut(skb, see, features);
    const work = log.takeWork();
    const list = (column: string): string => segments.map((row) => row[column]!).join("/");
    log.segmented.push({
      ...before,
      n_segs: segments.length,
      seg_len: list("len"),
      seg_data_len: list("data_len"),
      seg_nr_frags: list("nr_frags"),
      seg_tailspace: list("tailspace"),
      seg_ip_summed: list("ip_summed"),
      bytes_copied: work.copiedBytes - work.bytesOf(UNSEEN),
    });
  };
}

/** ICMP errors leave through another device, and the table has them in the order in which they went. */
function watchAnswers(icmp: IcmpErrors, log: PathLog): void {
  const transmit = icmp.transmit.bind(icmp);
  icmp.transmit = (answer) => {
    log.sent.push({ ...skbRow(log.u8, answer), rc: TAKEN });
    transmit(answer);
  };
}

/** A driver that takes every frame at once, as that of the recordings did, unless it was made to refuse it. */
function watchDriver(nic: TxNic, log: PathLog): void {
  nic.transmit = (skb) => {
    const isTaken = !nic.fault.refuses();
    if (isTaken) log.send(skb);
    else log.refuse(skb);
    return isTaken;
  };
}
