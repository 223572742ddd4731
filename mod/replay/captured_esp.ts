/**
 * ESP packets of a capture, opened on the side: what payload they carry, of which flow, and what they are the next time that
 * the capture is played.
 *
 * The host of the model gets the packet as it was captured, and decrypts it itself. When a capture is played again, a packet
 * with the same sequence number would be a replay: it is sealed anew, with numbers that go on, inside as outside.
 *
 * @module
 */

import { CapturePacket, LINKTYPE_RAW } from "../capture/mod.ts";
import type { Aead } from "../crypto/aead.ts";
import { openEspPacket } from "../esp/esp_packet.ts";
import type { SecurityAssociation } from "../esp/sa.ts";
import { NONE } from "../ledger/schema.ts";
import type { FlowTable } from "../wire/flow_table.ts";
import { FrameFacts } from "../wire/frame_facts.ts";
import type { PassShift } from "./pass_shift.ts";

/** Opens one packet after the other; its fields are about the packet that was read last. */
export class CapturedEsp {
  /** The packet inside; null where it cannot be opened. */
  inner: Uint8Array | null = null;
  /** Number of its flow; NONE where it cannot be opened or has none. */
  flow = NONE;
  /** L4 payload bytes inside; 0 where it cannot be opened. */
  payloadBytes = 0;
  /** Its sequence number. */
  sequence = 0;

  /** Highest sequence number of the first pass: by as much each pass goes on. */
  #span = 0;
  readonly #packet = new CapturePacket();
  readonly #facts = new FrameFacts();

  constructor(
    readonly sa: SecurityAssociation,
    readonly aead: Aead,
    readonly flows: FlowTable,
    /** Moves numbers on from pass to pass; null when there is but one. */
    readonly shift: PassShift | null,
  ) {}

  /** Reads the packet that `facts` have been read from, of pass `pass`. */
  read({ bytes }: CapturePacket, facts: FrameFacts, pass: number): void {
    this.inner = null;
    this.flow = NONE;
    this.payloadBytes = 0;
    const there = facts.frameAt + facts.capturedFrameBytes - facts.ipAt;
    const result = openEspPacket(bytes.subarray(facts.ipAt, facts.ipAt + there), this.sa, this.aead);
    if (!result.opened) return;
    this.inner = result.inner;
    this.sequence = result.sequence;
    this.#readInner(result.inner, pass);
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
