/**
 * What the tests of path send share: captures of a conversation in both directions, and the streams that a receiver puts
 * together from what was sent. Not part of the library.
 *
 * @module
 */

import { innerPackets } from "../stages/testing.ts";
import { get32 } from "../wire/bytes.ts";
import { FrameFacts } from "../wire/frame_facts.ts";
import { PROTOCOL_TCP } from "../wire/ip_protocol.ts";
import { LINKTYPE_RAW } from "../wire/link_types.ts";
import * as tcp from "../wire/tcp.ts";
import { transportChecksumOk } from "../wire/transport_checksum.ts";
import { DESTINATION, SOURCE, type TcpFrame, tcpFrame, type TestRun } from "./testing.ts";

/** TCP timestamps, as bulk senders have them. */
export const TIMESTAMPS: Uint8Array = Uint8Array.of(1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2);

/** One TCP segment that was sent, as its receiver finds it behind ESP. */
export interface SentSegment {
  readonly sourcePort: number;
  readonly sequence: number;
  readonly acknowledgment: number;
  readonly flags: number;
  readonly id: number;
  readonly payload: Uint8Array;
  readonly checksumOk: boolean;
}

/** The segments that a run sent, in order. */
export function segmentsOf(testRun: TestRun): SentSegment[] {
  const facts = new FrameFacts();
  return innerPackets(testRun).flatMap((packet) => {
    facts.read(packet, 0, packet.length, packet.length, LINKTYPE_RAW);
    const { protocol, transportAt, transportBytes, payloadBytes, sourcePort } = facts;
    if (protocol !== PROTOCOL_TCP) return [];
    return [{
      sourcePort,
      sequence: tcp.sequence(packet, transportAt),
      acknowledgment: tcp.acknowledgment(packet, transportAt),
      flags: tcp.flags(packet, transportAt),
      id: get32(packet, 4) >>> 16,
      payload: packet.slice(transportAt + transportBytes - payloadBytes),
      checksumOk: transportChecksumOk(packet, 0, protocol, transportAt, transportBytes),
    }];
  });
}

/** The stream from number `start` on that a receiver puts together from segments, which may come in any order. */
export function streamOf(segments: readonly SentSegment[], start: number, bytes: number): Uint8Array {
  const stream = new Uint8Array(bytes);
  for (const { sequence, payload } of segments) {
    if (payload.length > 0) stream.set(payload, (sequence - start) >>> 0);
  }
  return stream;
}

/** The same of frames of one flow. */
export function streamOfFrames(frames: readonly Uint8Array[], start: number, bytes: number): Uint8Array {
  const stream = new Uint8Array(bytes);
  for (const frame of frames) {
    const headerBytes = tcp.dataOffsetBytes(frame, 34);
    stream.set(frame.subarray(34 + headerBytes), (tcp.sequence(frame, 34) - start) >>> 0);
  }
  return stream;
}

/** A segment of the other side: a pure acknowledgment of everything in front of `acknowledgment`, unless `fields` say more. */
export function answer(acknowledgment: number, fields: TcpFrame = {}): Uint8Array {
  const frame = tcpFrame({ payloadBytes: 0, source: DESTINATION, destination: SOURCE, acknowledgment, ...fields });
  // Ports change places, which leaves the sum as it is.
  [frame[34], frame[36]] = [frame[36]!, frame[34]!];
  [frame[35], frame[37]] = [frame[37]!, frame[35]!];
  return frame;
}
