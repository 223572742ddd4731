import { assertEquals, assertThrows } from "@std/assert";
import { ENGINES } from "../crypto/engines.ts";
import { SUITES } from "../esp/suites.ts";
import { REASONS } from "../ledger/schema.ts";
import { CIPHERS, OpenWork, packetStride, SealWork } from "./calibrate_ciphers.ts";
import { Arena } from "./calibrate_works.ts";
import { CIPHER_REASONS, FULL_TEXT_BYTES, PIECES } from "./calibration.ts";

const HEADER_BYTES = 16;
const ICV_BYTES = 16;
const TEXTS = [[200], [52, 144, 4], [0, 200]];

for (const cipher of Object.values(CIPHERS)) {
  for (const textBytes of TEXTS) {
    const what = `${cipher}, pieces of ${textBytes.join(" and ")} bytes`;
    Deno.test(`SealWork and OpenWork undo each other (${what}); a packet opens once`, () => {
      const arena = new Arena(64 << 10);
      const work = new OpenWork(arena, textBytes, 8, cipher, ENGINES.noble);
      assertThrows(() => work.pass(0, 8), Error, "8 of 8 packets could not be opened");
      work.prepare();
      work.pass(0, 4);
      work.pass(4, 4);
      assertThrows(() => work.pass(0, 8), Error, "8 of 8 packets could not be opened");
      work.prepare();
      work.pass(0, 8);
      const seal = new SealWork(arena, textBytes, 8, cipher, ENGINES.noble);
      const sealed = arena.u8.slice();
      seal.pass(0, 8);
      assertEquals(arena.u8.some((byte, at) => byte !== sealed[at]), true);
    });
  }
}

/** What sealing one packet leaves at `pieces`, each offset and length; all other memory must be as it was. */
function sealed(textBytes: readonly number[], pieces: readonly (readonly [at: number, bytes: number])[]): number[] {
  const arena = new Arena(packetStride(textBytes));
  new SealWork(arena, textBytes, 1, "aes-gcm-128", ENGINES.noble).pass(0, 1);
  const bytes = pieces.flatMap(([at, count]) => [...arena.u8.subarray(at, at + count)]);
  for (const [at, count] of pieces) arena.u8.fill(0x5a, at, at + count);
  assertEquals(arena.u8.every((byte) => byte === 0x5a), true);
  return bytes;
}

Deno.test("SealWork gives pieces the ciphertext of one, and touches nothing between them", () => {
  const whole = sealed([600], [[HEADER_BYTES, 600 + ICV_BYTES]]);
  assertEquals(sealed([52, 544, 4], [[HEADER_BYTES, 52], [256, 544], [960, 4 + ICV_BYTES]]), whole);
  assertEquals(sealed([0, 600], [[256, 600 + ICV_BYTES]]), whole);
});

Deno.test("CIPHERS have the reasons whose events they price", () => {
  for (const reason of CIPHER_REASONS) assertEquals(REASONS[SUITES[CIPHERS[reason]].reason]!.name, reason);
});

Deno.test("PIECES are those of a full packet, in whole words", () => {
  for (const pieces of Object.values(PIECES)) {
    assertEquals(pieces.reduce((sum, bytes) => sum + bytes, 0), FULL_TEXT_BYTES);
    assertEquals(pieces.length > 1, true);
  }
  assertEquals(FULL_TEXT_BYTES % 4, 0);
});
