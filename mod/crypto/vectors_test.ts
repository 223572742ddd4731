/**
 * What publications print, in `fixtures/vectors/`, through every engine that is here. The tests of what holds of any key and
 * message are in engines_test.ts, those of whole ESP packets in mod/esp/seal_test.ts.
 */

import { assert, assertEquals } from "@std/assert";
import type { Aead, AeadAlgorithm, CryptoEngine, HashAlgorithm } from "./aead.ts";
import { ALGORITHMS } from "./algorithms.ts";
import { ENGINES } from "./engines.ts";

/** A message as an AEAD has it. */
interface AeadVector {
  readonly section: string;
  readonly key: string;
  readonly iv: string;
  readonly aad: string;
  readonly plaintext: string;
  readonly ciphertext: string;
  readonly tag: string;
}

/** A message under a cipher alone. */
interface CipherVector {
  readonly section: string;
  readonly case: number;
  readonly key: string;
  /** Of counter mode: the salt. */
  readonly nonce?: string;
  readonly iv: string;
  readonly plaintext: string;
  readonly ciphertext: string;
}

/** The code of a message. */
interface HmacVector {
  readonly section: string;
  readonly case: number;
  /** Absent: sha256. */
  readonly hash?: HashAlgorithm;
  readonly key: string;
  readonly data: string;
  /** The whole code, or the front of it. */
  readonly mac: string;
}

const NOTHING = new Uint8Array(0);
const hex = (text: string) => Uint8Array.fromHex(text);

function vectorsOf<Vector>(file: string): Vector[] {
  return JSON.parse(Deno.readTextFileSync(new URL(`../../fixtures/vectors/${file}`, import.meta.url))).tests;
}

const AEADS: [AeadAlgorithm, string, AeadVector[]][] = [
  ["aes-gcm", "CAVP", vectorsOf("cavp-aes-gcm.json")],
  ["chacha20-poly1305", "RFC 8439", vectorsOf("rfc8439-chacha20-poly1305.json")],
];
/** Each with an HMAC, which ESP never leaves out. */
const CIPHERS: [AeadAlgorithm, string, CipherVector[]][] = [
  ["aes-cbc-hmac-sha1", "RFC 3602", vectorsOf("rfc3602-aes-cbc.json")],
  ["aes-ctr-hmac-sha256", "RFC 3686", vectorsOf("rfc3686-aes-ctr.json")],
];
const HMACS: [string, HmacVector[]][] = [
  ["RFC 2202", vectorsOf("rfc2202-hmac-sha1.json")],
  ["RFC 4231", [
    ...vectorsOf<HmacVector>("rfc4231-hmac-sha256.json"),
    ...vectorsOf<HmacVector>("rfc4231-hmac-sha384-sha512.json"),
  ]],
  ["RFC 4868", vectorsOf("rfc4868-hmac.json")],
];

/** Seals and opens in the middle of other bytes; the message as it is sealed. */
function sealedAndOpened(aead: Aead, nonce: Uint8Array, aad: Uint8Array, plaintext: Uint8Array): Uint8Array {
  const length = plaintext.length + aead.tagBytes;
  const u8 = new Uint8Array(3 + length + 2).fill(0xa5);
  u8.set(plaintext, 3);
  aead.seal(nonce, aad, u8, 3, plaintext.length);
  const message = u8.slice(3, 3 + length);
  assert(aead.open(nonce, aad, u8, 3, length));
  assertEquals(u8.slice(3, 3 + plaintext.length), plaintext);
  return message;
}

for (const engine of Object.values(ENGINES)) {
  if (!engine.encrypts || engine.whyUnavailable() !== undefined) continue;
  testAeads(engine);
  testCiphers(engine);
  testHmacs(engine);
}

function testAeads(engine: CryptoEngine): void {
  for (const [algorithm, source, vectors] of AEADS) {
    for (const { section, key, iv, aad, plaintext, ciphertext, tag } of vectors) {
      Deno.test(`${engine.name}: ${algorithm} gives ${source}, ${section}, ${key.slice(0, 8)}`, () => {
        const aead = engine.aead(algorithm, { key: hex(key), authKey: NOTHING }, tag.length / 2);
        const message = sealedAndOpened(aead, hex(iv), hex(aad), hex(plaintext));
        assertEquals(message.toHex(), ciphertext + tag);
      });
    }
  }
}

function testCiphers(engine: CryptoEngine): void {
  for (const [algorithm, rfc, vectors] of CIPHERS) {
    const { authKeyBytes, tagBytes } = ALGORITHMS[algorithm];
    for (const { section, case: number, key, nonce = "", iv, plaintext, ciphertext } of vectors) {
      Deno.test(`${engine.name}: ${algorithm} encrypts as ${rfc}, section ${section}, case ${number}`, () => {
        const keys = { key: hex(key), authKey: new Uint8Array(authKeyBytes[0]!) };
        const aead = engine.aead(algorithm, keys, tagBytes[0]!);
        const message = sealedAndOpened(aead, hex(nonce + iv), new Uint8Array(8), hex(plaintext));
        assertEquals(message.subarray(0, -aead.tagBytes).toHex(), ciphertext);
      });
    }
  }
}

/** Of keys as long as ESP has them; keys of other lengths are in noble_hmac_test.ts. */
function testHmacs(engine: CryptoEngine): void {
  for (const [rfc, vectors] of HMACS) {
    for (const { section, case: number, hash = "sha256", key, data, mac } of vectors) {
      const algorithm = `null-hmac-${hash}` as const;
      const { authKeyBytes, tagBytes } = ALGORITHMS[algorithm];
      if (key.length !== 2 * authKeyBytes[0]!) continue;
      Deno.test(`${engine.name}: ${algorithm} gives ${rfc}, section ${section}, case ${number}`, () => {
        const aead = engine.aead(algorithm, { key: NOTHING, authKey: hex(key) }, tagBytes[0]!);
        const message = sealedAndOpened(aead, NOTHING, NOTHING, hex(data));
        assertEquals(message.toHex(), data + mac.slice(0, 2 * aead.tagBytes));
      });
    }
  }
}
