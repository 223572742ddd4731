/**
 * ESP packets of a capture, opened on the side: what payload they carry, of which flow, and what they are the next time that
 * the capture is played.
 *
 * The host of the model gets the packet as it was captured, and decrypts it itself. Of an ESP packet in fragments, the fragment
 * that completes it carries its payload. When a capture is played again, a packet
 * with the same sequence number would be a replay: it is sealed anew, with numbers that go on, inside as outside.
 *
 * @module
 */

import { CapturePacket, LINKTYPE_RAW } from "../capture/mod.ts";
import type { Aead } from "../crypto/aead.ts";
import { EspOpener } from "../esp/esp_opener.ts";
import type { SecurityAssociation } from "../esp/sa.ts";
import type { SaDirectory } from "../esp/sa_directory.ts";
import { PROTOCOL_UDP } from "../wire/ip_protocol.ts";
import { NONE } from "../ledger/schema.ts";
import { FlowTable } from "../wire/flow_table.ts";
import { FrameFacts } from "../wire/frame_facts.ts";
import * as ip from "../wire/ip.ts";
import * as ipv4 from "../wire/ipv4.ts";
import type { PassShift } from "./pass_shift.ts";
import { type Datagram, isReassembled, Reassembly } from "./reassembly.ts";

/** Finds what opens the ESP packet that `facts` have been read from, or that it completes; undefined where nothing does. */
export type FindOpener = (packet: Uint8Array, facts: FrameFacts) => EspOpener | undefined;

/** All packets are of one association. */
export function openerOf(sa: SecurityAssociation, aead: Aead): FindOpener {
  const opener = new EspOpener(sa, aead);
  return () => opener;
}

/** Packets are of the associations of a file. */
export function openersOf(directory: SaDirectory): FindOpener {
  return (packet, { protocol, sourcePort, destinationPort }) => {
    const encapsulation = protocol === PROTOCOL_UDP ? { sourcePort, destinationPort } : null;
    return directory.openerOf(packet, encapsulation);
  };
}

/** Opens one packet after the other; its fields are about the packet that was read last. */
export class CapturedEsp {
  /** The packet inside; null where it cannot be opened. */
  inner: Uint8Array | null = null;
  /** It is a fragment, and others of its packet are still to come. */
  isPart = false;
  /** Number of its flow; NONE where it cannot be opened or has none. */
  flow = NONE;
  /** L4 payload bytes inside; 0 where it cannot be opened. */
  payloadBytes = 0;
  /** Its sequence number; 0 where it cannot be opened. */
  sequence = 0;
  /** The association that it says to be of; null where none is known, or where a part of it is still to come. */
  sa: SecurityAssociation | null = null;

  /** Highest sequence number of the first pass: by as much each pass goes on. */
  #span = 0;
  readonly #reassembly = new Reassembly();
  /** Numbers for the addresses of fragments. */
  readonly #pairs = new FlowTable();
  readonly #packet = new CapturePacket();
  readonly #facts = new FrameFacts();

  constructor(
    /** Finds what opens a packet; see `openerOf()` and `openersOf()`. */
    readonly openers: FindOpener,
    readonly flows: FlowTable,
    /** Moves numbers on from pass to pass; null when there is but one. */
    readonly shift: PassShift | null,
  ) {}

  /** Reads the packet that `facts` have been read from, of pass `pass`. */
  read(packet: CapturePacket, facts: FrameFacts, pass: number): void {
    this.inner = null;
    this.sa = null;
    this.isPart = false;
    this.flow = NONE;
    this.payloadBytes = 0;
    const whole = this.#wholePacket(packet, facts);
    if (whole === undefined) return;
    const opener = this.openers(whole, facts);
    this.sa = opener?.sa ?? null;
    if (opener === undefined) return;
    const result = opener.open(whole);
    this.sequence = result.opened ? result.sequence : 0;
    if (!result.opened) return;
    this.inner = result.inner;
    this.sequence = result.sequence;
    this.#readInner(result.inner, pass);
  }

  /** The IP packet; of a fragment the packet that it completes, or undefined. */
  #wholePacket(packet: CapturePacket, facts: FrameFacts): Uint8Array | undefined {
    const { bytes } = packet;
    const there = facts.frameAt + facts.capturedFrameBytes - facts.ipAt;
    if (!isReassembled(bytes, facts)) return bytes.subarray(facts.ipAt, facts.ipAt + there);
    const pair = this.#pairs.findAt(bytes, facts.ipAt, facts.ipVersion, 0, 0, facts.protocol);
    const datagram = this.#reassembly.take(packet, facts, pair, NONE, 0);
    this.isPart = datagram?.isComplete !== true;
    return this.isPart ? undefined : packetOf(datagram!);
  }

  #readInner(inner: Uint8Array, pass: number): void {
    const packet = this.#packet;
    const facts = this.#facts;
    packet.bytes = inner;
    facts.read(inner, 0, inner.length, inner.length, LINKTYPE_RAW);
    if (pass === 0) this.#span = Math.max(this.#span, this.sequence);
    else this.sequence += pass * this.#span;
    if (!facts.isIp) return;
    const { ipAt, ipVersion, sourcePort, destinationPort, protocol } = facts;
    this.flow = this.flows.findAt(inner, ipAt, ipVersion, sourcePort, destinationPort, protocol);
    this.payloadBytes = facts.payloadBytes;
    if (this.shift === null) return;
    if (pass === 0) this.shift.learn(packet, facts, this.flow, 1);
    else this.shift.move(packet, facts, this.flow, pass);
  }
}

/** The packet that fragments were put together to. */
function packetOf({ headers, data, bytes }: Datagram): Uint8Array {
  const packet = new Uint8Array(headers.length + bytes);
  packet.set(headers);
  packet.set(data.subarray(0, bytes), headers.length);
  ip.setTotalBytes(packet, 0, packet.length);
  if (!ip.isIpv6(packet, 0)) ipv4.writeHeaderChecksum(packet, 0);
  return packet;
}
