/** The modes of AES that ESP uses, each against what its publication says. */

import { assertEquals } from "@std/assert";
import type { Cipher } from "./encrypt_then_mac.ts";
import { NobleAesCcm } from "./noble_ccm.ts";
import { NOBLE_CIPHERS } from "./noble_ciphers.ts";

interface CipherVector {
  section: string;
  case: number;
  key: string;
  nonce?: string;
  iv: string;
  plaintext: string;
  ciphertext: string;
}

interface CcmVector {
  section: string;
  case: number;
  key: string;
  nonce: string;
  aad: string;
  plaintext: string;
  message: string;
}

const hex = (text: string) => Uint8Array.fromHex(text);
const vectorsOf = <Vector>(file: string): Vector[] => {
  return JSON.parse(Deno.readTextFileSync(new URL(`../../fixtures/vectors/${file}`, import.meta.url))).tests;
};

/** The bytes after `change`, which works on them in the middle of others. */
function changed(bytes: string, change: (u8: Uint8Array, at: number, length: number) => void): string {
  const u8 = hex("a5a5a5" + bytes + "a5a5");
  change(u8, 3, bytes.length / 2);
  assertEquals([u8.subarray(0, 3).toHex(), u8.subarray(-2).toHex()], ["a5a5a5", "a5a5"]);
  return u8.subarray(3, -2).toHex();
}

function testCipher(rfc: string, cipherOf: (vector: CipherVector) => Cipher, vectors: CipherVector[]): void {
  for (const vector of vectors) {
    Deno.test(`NOBLE_CIPHERS give ${rfc}, section ${vector.section}, case ${vector.case}`, () => {
      const cipher = cipherOf(vector);
      const nonce = hex((vector.nonce ?? "") + vector.iv);
      const { plaintext, ciphertext } = vector;
      assertEquals(changed(plaintext, (u8, at, length) => cipher.encrypt(nonce, u8, at, length)), ciphertext);
      assertEquals(changed(ciphertext, (u8, at, length) => cipher.decrypt(nonce, u8, at, length)), plaintext);
    });
  }
}

testCipher("RFC 3602", ({ key }) => NOBLE_CIPHERS["aes-cbc"](hex(key)), vectorsOf("rfc3602-aes-cbc.json"));
testCipher("RFC 3686", ({ key }) => NOBLE_CIPHERS["aes-ctr"](hex(key)), vectorsOf("rfc3686-aes-ctr.json"));

for (const vector of vectorsOf<CcmVector>("rfc3610-aes-ccm.json")) {
  Deno.test(`NobleAesCcm gives RFC 3610, section ${vector.section}, packet vector ${vector.case}`, () => {
    const aead = new NobleAesCcm(hex(vector.key), 8);
    const [nonce, aad] = [hex(vector.nonce), hex(vector.aad)];
    const sealed = changed(vector.plaintext + "00".repeat(8), (u8, at, length) => {
      aead.seal(nonce, aad, u8, at, length - 8);
    });
    assertEquals(sealed, vector.message);
    const opened = changed(vector.message, (u8, at, length) => {
      assertEquals(aead.open(nonce, aad, u8, at, length), true);
    });
    assertEquals(opened.slice(0, -16), vector.plaintext);
  });
}
