import { assertEquals, assertThrows } from "@std/assert";
import { ENGINES } from "../crypto/engines.ts";
import { SecurityAssociation, TEST_KEY, TEST_SALT, TEST_SPI, testSecurityAssociation } from "./sa.ts";
import { splitmix64 } from "./splitmix.ts";

const OPTIONS = {
  spi: TEST_SPI,
  key: TEST_KEY,
  salt: TEST_SALT,
  mode: "tunnel",
  source: 1,
  destination: 2,
  seed: 1,
} as const;

/** The fixed part of the IVs, computed by the rule. */
function fixedPart(seed: number, spi: number): bigint {
  return splitmix64(splitmix64(BigInt(seed)) ^ BigInt(spi));
}

Deno.test("testSecurityAssociation() is AES-256-GCM in a tunnel with the public test key", () => {
  const sa = testSecurityAssociation(1);
  assertEquals([sa.spi, sa.cipher, sa.mode], [0x1001, "aes-gcm-256", "tunnel"]);
  assertEquals([sa.ivBytes, sa.icvBytes, sa.blockBytes], [8, 16, 4]);
  assertEquals(sa.key.toHex(), "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");
  assertEquals(sa.salt.toHex(), "a0a1a2a3");
  assertEquals([sa.source, sa.destination], [0xc6120001, 0xc6120002]);
  assertEquals(sa.aead(ENGINES.skip).tagBytes, 16);
});

Deno.test("nextSequence() counts from 1 to 2^32 - 1 and then refuses with 0", () => {
  const sa = testSecurityAssociation(1);
  assertEquals([sa.nextSequence(), sa.nextSequence(), sa.nextSequence()], [1, 2, 3]);
  sa.resumeAfter(0xfffffffd);
  assertEquals([sa.nextSequence(), sa.nextSequence()], [0xfffffffe, 0xffffffff]);
  assertEquals([sa.nextSequence(), sa.nextSequence()], [0, 0]);
});

Deno.test("reserveSequences() takes all or none", () => {
  const sa = testSecurityAssociation(1);
  assertEquals(sa.reserveSequences(44), 1);
  assertEquals(sa.nextSequence(), 45);
  sa.resumeAfter(0xfffffff0);
  assertEquals(sa.reserveSequences(16), 0);
  assertEquals(sa.reserveSequences(15), 0xfffffff1);
  assertEquals(sa.nextSequence(), 0);
});

Deno.test("ivFor() is the sequence number XOR 8 bytes that follow from seed and SPI", () => {
  const sa = testSecurityAssociation(7);
  const fixed = fixedPart(7, TEST_SPI);
  for (const sequence of [1, 2, 0x80000000, 0xffffffff]) {
    assertEquals(sa.ivFor(sequence).toHex(), (fixed ^ BigInt(sequence)).toString(16).padStart(16, "0"));
  }
});

Deno.test("ivFor() never gives two sequence numbers one IV, and depends on seed and SPI", () => {
  const sa = testSecurityAssociation(7);
  const seen = new Set<string>();
  for (let sequence = 1; sequence <= 5000; sequence++) seen.add(sa.ivFor(sequence).toHex());
  assertEquals(seen.size, 5000);
  const otherSpi = new SecurityAssociation({ ...OPTIONS, seed: 7, spi: TEST_SPI + 1 });
  for (const other of [testSecurityAssociation(8), otherSpi]) assertEquals(seen.has(other.ivFor(1).toHex()), false);
  assertEquals(testSecurityAssociation(7).ivFor(1).toHex(), sa.ivFor(1).toHex());
});

Deno.test("nonceFor() is salt and IV, aadFor() is SPI and sequence number", () => {
  const sa = testSecurityAssociation(1);
  const u8 = Uint8Array.fromHex("a5a5a5" + "0000100100000005" + "0102030405060708" + "a5a5");
  assertEquals(sa.nonceFor(u8, 11).toHex(), "a0a1a2a3" + "0102030405060708");
  assertEquals(sa.aadFor(u8, 3).toHex(), "0000100100000005");
});

Deno.test("SecurityAssociation copies key and salt", () => {
  const [key, salt] = [TEST_KEY.slice(), TEST_SALT.slice()];
  const sa = new SecurityAssociation({ ...OPTIONS, key, salt });
  key.fill(0);
  salt.fill(0);
  assertEquals([sa.key, sa.salt], [TEST_KEY, TEST_SALT]);
  assertEquals(sa.nonceFor(new Uint8Array(8), 0).toHex(), "a0a1a2a3" + "0000000000000000");
});

Deno.test("SecurityAssociation names the cipher by the length of the key", () => {
  for (const bytes of [16, 24, 32]) {
    assertEquals(new SecurityAssociation({ ...OPTIONS, key: new Uint8Array(bytes) }).cipher, `aes-gcm-${bytes * 8}`);
  }
});

Deno.test("SecurityAssociation refuses a key of 33 bytes, a salt of 5 and a reserved SPI", () => {
  const make = (change: Partial<typeof OPTIONS> | object) => () => new SecurityAssociation({ ...OPTIONS, ...change });
  assertThrows(make({ key: new Uint8Array(33) }), RangeError, "the key has 33 bytes");
  assertThrows(make({ salt: new Uint8Array(5) }), RangeError, "the salt has 5 bytes");
  for (const spi of [0, 255, 2 ** 32, 256.5, NaN]) assertThrows(make({ spi }), RangeError, "the SPI");
});
