import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { get32, set32 } from "../wire/bytes.ts";
import { ETH_HLEN } from "../wire/ethernet.ts";
import * as ipv4 from "../wire/ipv4.ts";
import { PROTOCOL_TCP } from "../wire/ip_protocol.ts";
import * as tcp from "../wire/tcp.ts";
import { transportChecksumOk } from "../wire/transport_checksum.ts";
import { moveId, moveNumbers } from "./moved_headers.ts";
import { tcpFrame } from "./testing.ts";

const TCP_AT = ETH_HLEN + ipv4.HEADER_BYTES;
/** Timestamps, then two SACK blocks. */
const OPTIONS = Uint8Array.of(1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2, 1, 1, 5, 18, ...new Uint8Array(16));

function checksumOk(frame: Uint8Array): boolean {
  return transportChecksumOk(frame, ETH_HLEN, PROTOCOL_TCP, TCP_AT, frame.length - TCP_AT);
}

Deno.test("moveId() keeps the header checksum as right or as wrong as it was", () => {
  const id = fc.integer({ min: 0, max: 0xffff });
  fc.assert(fc.property(id, id, fc.integer({ min: 0, max: 255 }), fc.boolean(), (before, after, ttl, isRight) => {
    const frame = tcpFrame({ id: before, ttl, payloadBytes: 0 });
    if (!isRight) frame[ETH_HLEN + 1]! ^= 0x10;
    moveId(frame, ETH_HLEN, after);
    assertEquals([ipv4.id(frame, ETH_HLEN), ipv4.headerChecksumOk(frame, ETH_HLEN)], [after, isRight]);
  }));
});

Deno.test("moveNumbers() moves sequence, acknowledgment and SACK blocks, modulo 2^32, and nothing else", () => {
  const word = fc.integer({ min: 0, max: 0xffffffff });
  fc.assert(
    fc.property(word, word, word, word, fc.nat(3000), (sequence, acknowledgment, step, ackStep, payloadBytes) => {
      const options = OPTIONS.slice();
      for (let i = 0; i < 4; i++) set32(options, 16 + 4 * i, (acknowledgment + 1000 * i) >>> 0);
      const fields = { sequence, acknowledgment, payloadBytes, options };
      const frame = tcpFrame(fields);
      moveNumbers(frame, TCP_AT, 20 + options.length, step, ackStep, true);
      for (let i = 0; i < 4; i++) set32(options, 16 + 4 * i, get32(options, 16 + 4 * i) + ackStep);
      const moved = { sequence: (sequence + step) >>> 0, acknowledgment: (acknowledgment + ackStep) >>> 0 };
      assertEquals(frame.subarray(0, TCP_AT + 16), tcpFrame({ ...fields, ...moved }).subarray(0, TCP_AT + 16));
      assertEquals(frame.subarray(TCP_AT + 18), tcpFrame({ ...fields, ...moved }).subarray(TCP_AT + 18));
      assertEquals(checksumOk(frame), true);
    }),
  );
});

Deno.test("moveNumbers() leaves the acknowledgment alone where it does not count, as in a SYN", () => {
  const frame = tcpFrame({ flags: tcp.FLAG_SYN, payloadBytes: 0, acknowledgment: 0, sequence: 5 });
  moveNumbers(frame, TCP_AT, 20, 10, 999, true);
  assertEquals([tcp.sequence(frame, TCP_AT), tcp.acknowledgment(frame, TCP_AT), checksumOk(frame)], [15, 0, true]);
});

Deno.test("moveNumbers() keeps a wrong checksum wrong, and one that covers no header as it is", () => {
  const wrong = tcpFrame({ checksumError: 7 });
  moveNumbers(wrong, TCP_AT, 20, 1460, 0, true);
  assertEquals(checksumOk(wrong), false);
  tcp.setChecksum(wrong, TCP_AT, tcp.checksum(wrong, TCP_AT) - 7);
  assertEquals(checksumOk(wrong), true);
  const left = tcpFrame();
  const before = tcp.checksum(left, TCP_AT);
  moveNumbers(left, TCP_AT, 20, 1460, 0, false);
  assertEquals(tcp.checksum(left, TCP_AT), before);
});

Deno.test("moveNumbers() ends at damaged options, whatever they say", () => {
  const bytes = fc.uint8Array({ minLength: 40, maxLength: 40 });
  fc.assert(fc.property(bytes, (options) => {
    const frame = tcpFrame({ options, payloadBytes: 8 });
    const payload = frame.slice(-8);
    moveNumbers(frame, TCP_AT, 60, 1, 1, true);
    assertEquals([frame.slice(-8), checksumOk(frame)], [payload, true]);
  }));
  for (const options of [[5, 0, 0, 0], [5, 1, 0, 0], [5, 255, 0, 0], [1, 1, 1, 5], [5, 4, 0, 0]]) {
    const frame = tcpFrame({ options: Uint8Array.from(options) });
    moveNumbers(frame, TCP_AT, 24, 1, 1, true);
    assertEquals(frame.subarray(TCP_AT + 20, TCP_AT + 24), Uint8Array.from(options));
  }
});
