/**
 * What happened to a packet, as sentences: one table, by event and reason.
 *
 * What a row of the ledger does not say itself (no row is written for a test that was passed) is read off the chapter it
 * stands in: the lengths that the test compares, and the shape of the buffer then.
 *
 * ```ts
 * sentencesOf(row, scene); // ["A new linear area was needed: ... 130 bytes copied (pskb_expand_head)."]
 * ```
 *
 * @module
 */

import type { Config } from "../config/schema.ts";
import { NONE, REASONS } from "../ledger/schema.ts";
import type { BufferShape, PacketLife, StoryRow } from "../replay/explain.ts";
import { formatNumber } from "./columns.ts";
import { NS_PER_US, PS_PER_NS, wireBytes } from "../ledger/units.ts";
import { by, capital, copied, dropOf, has, plural, rows, saOf, type Scene, type Sentence } from "./phrases.ts";
import { CRYPTO_SENTENCES } from "./crypto_sentences.ts";
import { espLeftToNic, OFFLOAD_SENTENCES, xfrmLeftToNic } from "./offload_sentences.ts";
import { espInGro, RECEIVE_SENTENCES } from "./receive_sentences.ts";
import { TRANSMIT_SENTENCES } from "./transmit_sentences.ts";

/** Sentences by "event reason", else by "event stage", else by "event". */
const SENTENCES: Readonly<Record<string, Sentence>> = {
  ...RECEIVE_SENTENCES,
  ...CRYPTO_SENTENCES,
  ...TRANSMIT_SENTENCES,
  ...OFFLOAD_SENTENCES,

  "arrive": ({ bytes, stage }, { chapter, life }) => {
    if (dropOf(chapter) !== undefined) return `Arrives: ${bytes} bytes.`;
    if (stage === "socket") return `The process has it to send: what the captured host sent as ${bytes} bytes.`;
    if (isReceiver(life) && !isPlain(life) && life.record.outcome !== "bypass") {
      return `Arrives as ESP: the NIC writes ${bytes} bytes by DMA into its receive buffers. No CPU copy.`;
    }
    return `Arrives: the NIC writes ${bytes} bytes by DMA into its receive buffers. No CPU copy.`;
  },

  "visit driver-rx": () => "The driver takes the frame from its ring and builds an skb (napi poll).",
  "visit napi": (_, { life }) =>
    `Up the stack it goes its own way: not ${isPlain(life) ? "IP" : "for ESP"} (__netif_receive_skb_core).`,
  "visit gro": groVisit,
  "visit forward": forwardVisit,
  "visit socket": () => "The process writes to its socket (sendmsg).",
  "visit local-out": (_, { shape }) =>
    shape !== undefined && shape.gsoSize > 0
      ? `The buffer leaves its socket as a whole, headers in front: ${plural(shape.gsoSegs, "segment")} of at most ` +
        `${shape.gsoSize} payload bytes (ip_queue_xmit).`
      : "The buffer leaves its socket, headers in front (ip_queue_xmit, ip_send_skb).",
  "visit xfrm-output": xfrmVisit,
  "visit gso": (_, { shape, life }) => {
    const [when, caller] = whoCuts(life);
    return `The aggregate is cut ${when}: ${plural(shape?.gsoSegs ?? 0, "segment")} of at most ` +
      `${shape?.gsoSize ?? 0} payload bytes (${caller}, skb_segment).`;
  },
  "visit esp-output": (_, scene) => espLeftToNic(scene) ?? espOutputVisit(scene),
  "visit ip-output": (_, { chapter, life }) =>
    has(chapter, "copy", "ip-fragment")
      ? `Too large for the MTU of ${life.run.resolved.config.mtu} and DF is not set: cut into fragments (ip_fragment).`
      : "No fragmentation; the neighbour's Ethernet header is pushed into the headroom (ip_finish_output2).",
  "visit driver-tx": (_, { shape }) =>
    shape === undefined
      ? "The driver is asked to send it (ndo_start_xmit)."
      : `The driver maps it: ${plural(descriptors(shape), "descriptor")} on the TX ring (ndo_start_xmit).`,

  "alloc": ({ bytes, reason }) => `A buffer is allocated: ${reason.meaning}, ${bytes} bytes of room${by(reason)}.`,
  "free sent": ({ reason }) => `Transmission is complete: the buffer is freed${by(reason)}.`,
  "free": ({ skb, reason }) => `skb ${skb} is freed: ${reason.meaning}${by(reason)}.`,
  "copy": (row) => `${capital(row.reason.meaning)}: ${copied(row)}${by(row.reason)}.`,
  "user-copy": ({ bytes, skb, reason }) =>
    `${capital(reason.meaning)}: ${plural(bytes, "byte")} into skb ${skb}${by(reason)}.`,
  "frag": ({ bytes, skb, reason }) =>
    `${capital(reason.meaning)}: ${plural(bytes, "byte")} of skb ${skb}${by(reason)}.`,
  "clone": ({ into, reason }) => `skb ${into} is cloned from it: ${reason.meaning}${by(reason)}.`,
  "tail": ({ bytes, reason }) =>
    `Trailer of ${bytes} bytes: behind the linear data, which was copied for it, because ${reason.meaning}${
      by(reason)
    }.`,
  "tail cow-always": ({ bytes, reason }) =>
    `Trailer of ${bytes} bytes: behind the linear data, because tx_tail=linearize copies until it fits${by(reason)}.`,
  "tail fragment": ({ bytes, reason }, { shape, life }) =>
    `Trailer of ${bytes} bytes: page fragment, because ` +
    `${whyFragment(shape, life.run.resolved.config.max_skb_frags)}${by(reason)}. Nothing is copied for it.`,
  "tail in-place": ({ bytes, reason }, { shape }) =>
    `Trailer of ${bytes} bytes: in place, because nobody shares the buffer and ${whyInPlace(shape)}${by(reason)}. ` +
    "Nothing is copied for it.",
  "checksum": ({ bytes, reason }) => `${capital(reason.meaning)}: ${plural(bytes, "byte")}${by(reason)}.`,
  "merge": mergeSentence,
  "flush": ({ count, reason }) => `GRO sends it up, ${plural(count, "packet")} in it: ${reason.meaning}${by(reason)}.`,
  "poll": ({ count, reason }) =>
    count === 0
      ? `A poll that found nothing more ends; its cost counts with the packet read last${by(reason)}.`
      : `The poll that took it has taken ${plural(count, "frame")}: ${reason.meaning}; they share its cost${
        by(reason)
      }.`,
  "segment": ({ bytes, skb, into }) =>
    `Its segment is cut from skb ${into}: skb ${skb}, ${bytes} payload bytes behind headers of its own (skb_segment).`,
  "segment list-segment": ({ bytes, skb, into, reason }) =>
    skb === into
      ? `The list of skb ${skb} is taken apart: the packet with ${bytes} payload bytes goes on alone${by(reason)}.`
      : `It leaves the list of skb ${into} as skb ${skb}, ${bytes} payload bytes behind its own headers${by(reason)}.`,
  "seal": sealSentences,
  "drop": ({ reason }) => `Dropped: ${reason.meaning}${by(reason)}.`,
  "drop pmtu": ({ reason, bytes }, { life, shape }) =>
    `Dropped: ${whatIsTooLarge(shape, bytes)}, ${whatFits(life)}, DF is set; ICMP says so to the sender${by(reason)}.`,
  "answer": ({ bytes, skb, reason }) =>
    `An answer leaves NIC 0 in the clear, skb ${skb} with ${bytes} bytes: ${reason.meaning}${by(reason)}.`,
  "deliver": ({ reason }) => `${capital(reason.meaning)}${by(reason)}.`,
  "send": ({ bytes }) =>
    `The last bit is on the wire: ${bytes} bytes, ` +
    `${wireBytes(bytes)} with FCS, preamble and gap.`,
  "send to-peer": ({ bytes }, { life, joined }) => {
    const later = `${life.run.resolved.config.link_delay_us} us later`;
    const wire = `${bytes} bytes, ${wireBytes(bytes)} with FCS, preamble and gap`;
    return joined === 1
      ? `The last bit is on the wire: ${wire}; it reaches the other host ${later}.`
      : `The NIC has cut it into ${joined} frames, and the last bit of the last is on the wire: ${wire}; each reaches the ` +
        `other host ${later}.`;
  },
  "send to-sender": ({ bytes }) =>
    `The acknowledgment is on the wire back: ${bytes} bytes, ${wireBytes(bytes)} with FCS, preamble and gap.`,
  "acknowledge": ({ reason }) => `The receiver acknowledges what it has: ${reason.meaning}${by(reason)}.`,
  "retransmit": ({ bytes, reason }) =>
    `${plural(bytes, "payload byte")} are sent again: ${reason.meaning}${by(reason)}.`,
};

/** What a row says, a sentence or a few. */
export function sentencesOf(row: StoryRow, scene: Scene): string[] {
  const { event, stage, reason } = row;
  const sentence = SENTENCES[`${event} ${reason.name}`] ?? SENTENCES[`${event} ${stage}`] ?? SENTENCES[event];
  return [sentence?.(row, scene) ?? `${capital(row.event)}: ${row.reason.meaning}${by(row.reason)}.`].flat();
}

function isReceiver({ run }: PacketLife): boolean {
  return run.resolved.config.path === "receive";
}

/** No IPsec: packets are clear from end to end. */
function isPlain({ run }: PacketLife): boolean {
  return run.sa === undefined;
}

/** When an aggregate is cut, and by which kernel function. */
function whoCuts(life: PacketLife): [when: string, caller: string] {
  if (isReceiver(life) || isPlain(life)) return ["on its way to the driver", "validate_xmit_skb"];
  if (life.run.resolved.config.gso === "l2") return ["on its way to the driver", "esp4_gso_segment"];
  return ["before it is encapsulated", "xfrm_output_gso"];
}

/** The limit that a length is held against. */
function whatFits(life: PacketLife): string {
  return `${life.lengths.innerMtu} ${isReceiver(life) || isPlain(life) ? "may be sent" : "fit into the tunnel"}`;
}

function descriptors(shape: BufferShape): number {
  return shape.frags.length + (shape.linear > 0 ? 1 : 0);
}

function groVisit(row: StoryRow, scene: Scene): string {
  const { life, chapter } = scene;
  const esp = espInGro(scene);
  if (esp !== undefined) return esp;
  if (has(chapter, "merge") && rows(chapter).some((other) => other.event === "merge" && other.skb === row.skb)) {
    return "GRO looks for a held buffer of its flow, and finds one that it continues (dev_gro_receive).";
  }
  const isHeld = life.chapters.some((other) =>
    rows(other).some(({ event, skb }) => event === "flush" && skb === row.skb)
  );
  if (isHeld) return "GRO finds nothing to merge it with and holds it for those that follow (dev_gro_receive).";
  if (life.record.outcome === "held") return "GRO looks at it (dev_gro_receive).";
  const why = life.record.payloadBytes === 0 ? "it has no payload, and only payload is merged" : "it cannot be merged";
  return `GRO passes it on at once: ${why} (tcp_gro_receive).`;
}

function forwardVisit(_: StoryRow, { life, chapter, shape, after }: Scene): string[] {
  const where = isPlain(life) ? "routed on" : isReceiver(life) ? "routed on in the clear" : "routed to the tunnel";
  if (dropOf(chapter) !== undefined) return [`It is to be ${where} (ip_rcv, ip_forward).`];
  const { headroomNeeded } = life.lengths;
  const grown = has(chapter, "copy", "expand-head");
  const trimmed = shape === undefined || after === undefined ? 0 : shape.bytes - after.bytes;
  return [
    `${capital(where)}, time to live decremented (ip_rcv, ip_forward).`,
    ...(trimmed > 0 ? [`Padding: ${plural(trimmed, "byte")} cut off (pskb_trim_rcsum).`] : []),
    mtuTest(life, after),
    grown || shape === undefined
      ? `Headroom: ${headroomNeeded} bytes are needed, so the head is replaced (skb_cow).`
      : `Headroom: ${shape.headroom} bytes cover the ${headroomNeeded} that are needed (skb_cow).`,
  ];
}

/** A test that was passed, or the packet would have been dropped. */
function mtuTest(life: PacketLife, shape: BufferShape | undefined): string {
  const { innerMtu } = life.lengths;
  if (innerMtu === Infinity) return "MTU: nothing is too large, with oversize=grow the link takes what comes.";
  const limit = whatFits(life);
  if (shape === undefined) return `MTU: ${limit} (ip_exceeds_mtu).`;
  if (shape.gsoSize > 0) return `MTU: its segments count, and ${limit} (ip_exceeds_mtu).`;
  const but = shape.bytes <= innerMtu ? "" : ", but DF is not set";
  return `MTU: ${shape.bytes} bytes, ${limit}${but} (ip_exceeds_mtu).`;
}

function espOutputVisit({ chapter, life, shape, after }: Scene): string {
  if (dropOf(chapter) !== undefined) return "ESP takes a sequence number for it (esp_output).";
  const caller = isLayer2(shape, after, life) ? "esp_xmit" : "esp_output";
  return `ESP under tx_tail=${life.run.resolved.config.tx_tail}: room for the trailer is needed (${caller}).`;
}

function xfrmVisit(_: StoryRow, scene: Scene): string | string[] {
  const { life, chapter, shape, after } = scene;
  const left = xfrmLeftToNic(scene);
  if (left !== undefined) return left;
  const { headroomNeeded } = life.lengths;
  const room = shape === undefined || has(chapter, "copy", "expand-head")
    ? `${headroomNeeded} bytes are needed, so the head is replaced`
    : `${shape.headroom} bytes cover the ${headroomNeeded} of outer headers and link layer`;
  return [
    `One transformation: ESP in ${saOf(life.run).mode} mode (xfrm_output_one).`,
    `Headroom: ${room} (xfrm_skb_check_space).`,
    ...(wasPushed(shape, after) ? [leftToLayer2(life, after!)] : []),
  ];
}

/** Headers came in front of the buffer in this chapter. */
function wasPushed(shape: BufferShape | undefined, after: BufferShape | undefined): boolean {
  return shape !== undefined && after !== undefined && after.headroom < shape.headroom;
}

function leftToLayer2({ run }: PacketLife, { gsoSize, gsoSegs }: BufferShape): string {
  const headers = saOf(run).mode === "tunnel" ? "Outer IP header and dummy ESP header are" : "A dummy ESP header is";
  const numbers = gsoSize > 0 ? `${plural(gsoSegs, "sequence number")} reserved` : "a sequence number taken";
  return `${headers} pushed, ${numbers}; trailer and encryption are left to ${
    run.resolved.config.offload === "none" ? "layer 2" : "layer 2 and the NIC"
  } (xfrm_dev_offload_ok).`;
}

function whyFragment(shape: BufferShape | undefined, maxFrags: number): string {
  if (shape === undefined) return "the tailroom is too small";
  const { frags, linear, bytes, behind } = shape;
  const tailroom = bytes > linear ? "the buffer is nonlinear: tailroom 0" : `the tailroom is ${behind}`;
  return `${tailroom}, ${frags.length} of ${maxFrags} frags used`;
}

function whyInPlace(shape: BufferShape | undefined): string {
  if (shape === undefined) return "the tailroom is enough";
  if (shape.fragList.length > 0) return "the last buffer of its frag_list has the tailroom";
  return `the tailroom of ${shape.behind} is enough`;
}

function mergeSentence({ bytes, into, packet, reason }: StoryRow, { life, joined }: Scene): string {
  const how = `${reason.meaning}${by(reason)}. No byte is copied.`;
  if (joined > 1) return `${joined} other packets join skb ${into}, the last is packet ${packet + 1}: ${how}`;
  const who = packet === life.number - 1 ? "It" : `Packet ${packet + 1}`;
  return `${who} joins skb ${into} with ${plural(bytes, "payload byte")}: ${how}`;
}

function whatIsTooLarge(shape: BufferShape | undefined, bytes: number): string {
  if (shape !== undefined && shape.gsoSize > 0) {
    return `its segments of ${shape.gsoSize} payload bytes and their headers`;
  }
  return `${shape?.bytes ?? bytes} bytes`;
}

function sealSentences({ bytes, count, reason, stage }: StoryRow, { life, shape, after, chapter }: Scene): string[] {
  const { headerBytes, icvBytes } = life.lengths;
  const { mode, ivBytes, encapsulation } = saOf(life.run);
  const headroom = shape === undefined || after === undefined
    ? ""
    : `, headroom ${shape.headroom} to ${after.headroom}`;
  const esp = ivBytes > 0 ? "SPI, sequence number and IV" : "SPI and sequence number";
  const pushed = encapsulation === null ? esp : `UDP header, ${esp}`;
  const where = has(chapter, "copy", "null-cipher") ? "into a new page" : "in place";
  const icv = icvBytes > 0 ? `ICV of ${icvBytes}` : "no ICV";
  const outer = mode === "tunnel" ? "Outer IP header, " : "";
  const sealed = `${bytes} bytes ${SEALED[reason.name] ?? "are encrypted"} ${where}, ${icv}: ${
    plural(count, "scatterlist entry")
  } (crypto_aead_encrypt).`;
  // Of asynchronous crypto the headers were there before.
  if (stage === "crypto") return [sealed];
  return [
    isLayer2(shape, after, life)
      ? `${pushed} go into the ESP header that is there, the length into the IP header (esp_xmit).`
      : `${outer}${pushed} are pushed: ${headerBytes} bytes${headroom} (esp_output).`,
    sealed,
  ];
}

/** ESP found its headers in front already: nothing was pushed in its chapter. */
function isLayer2(shape: BufferShape | undefined, after: BufferShape | undefined, { run }: PacketLife): boolean {
  return run.resolved.config.gso === "l2" && shape !== undefined && after !== undefined && !wasPushed(shape, after);
}

/** What sealing does to bytes, by reason, where it does not encrypt them. */
const SEALED: Readonly<Record<string, string>> = {
  "null": "pass the null cipher",
  "null-sha1": "pass the null cipher and are authenticated with HMAC-SHA1-96",
  "null-sha256": "pass the null cipher and are authenticated with HMAC-SHA256-128",
  "null-sha384": "pass the null cipher and are authenticated with HMAC-SHA384-192",
  "null-sha512": "pass the null cipher and are authenticated with HMAC-SHA512-256",
  "aes-gmac": "stay clear and are authenticated with AES-GMAC",
};

/** What became of the packet, with what it cost: the last line of a story, and the only one where nothing happened to it. */
export function conclusionOf({ record, run, number, chapters }: PacketLife): string {
  if (record.outcome === "ignored") {
    const why = record.flow === NONE ? "its link type is not understood" : whyIgnored(run.resolved.config);
    return `Packet ${number} of ${run.captureName} is ignored: ${why}.`;
  }
  const cost = `cost ${formatNumber(record.costPs / PS_PER_NS, 3)} ns`;
  const reasons = new Map<string, number>();
  for (const { copiedBytes, reason } of chapters.flatMap(rows)) {
    if (copiedBytes > 0) reasons.set(reason.name, (reasons.get(reason.name) ?? 0) + copiedBytes);
  }
  const parts = [...reasons].map(([name, bytes]) => `${name} ${bytes}`).join(", ");
  const sums = `${plural(record.copies, "copy")}, ${plural(record.copiedBytes, "byte")} copied` +
    `${parts === "" ? "" : ` (${parts})`}, ${cost}`;
  if (record.outcome === "bypass") {
    return `Packet ${number} of ${run.captureName} passes by: it is not ${
      run.sa === undefined ? "IP" : "for ESP (not IP)"
    }. ${sums}.`;
  }
  if (record.outcome === "sent" || record.outcome === "delivered") {
    const latencyNs = (record.tLeaveNs ?? record.tArriveNs) - record.tArriveNs;
    return `${capital(record.outcome)}: ${sums}, latency ${formatNumber(latencyNs / NS_PER_US, 3)} us.`;
  }
  if (record.outcome === "held") return `Still held when the run ended: ${sums}.`;
  const dropped = chapters.flatMap(rows).find(({ event }) => event === "drop");
  return `Dropped in ${dropped?.stage} (${REASONS[record.reason]!.name}): ${sums}.`;
}

function whyIgnored({ path, mode }: Config): string {
  if (path === "receive" && mode === "none") return "it is not addressed to our host (path=receive)";
  if (path === "receive") return "it is not addressed to our host, or nothing to be played as ESP (path=receive)";
  return `it does not come from our host (${path === "forward" ? "tunnel=local" : `path=${path}`})`;
}
