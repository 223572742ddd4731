import { assertEquals, assertThrows } from "@std/assert";
import { ENGINES } from "../crypto/engines.ts";
import { formatAddress6 } from "../wire/ipv6_address.ts";
import {
  SecurityAssociation,
  type SecurityAssociationOptions,
  TEST_AUTH_KEY,
  TEST_KEY,
  TEST_SALT,
  TEST_SPI,
  testSecurityAssociation,
} from "./sa.ts";
import { splitmix64 } from "./splitmix.ts";
import { SUITES } from "./suites.ts";

const OPTIONS: SecurityAssociationOptions = {
  spi: TEST_SPI,
  cipher: "aes-gcm-256",
  key: TEST_KEY,
  salt: TEST_SALT,
  authKey: new Uint8Array(0),
  mode: "tunnel",
  source: new Uint8Array(4),
  destination: new Uint8Array(4),
  seed: 1,
};

/** The fixed part of the IVs, computed by the rule. */
function fixedPart(seed: number, spi: number): bigint {
  return splitmix64(splitmix64(BigInt(seed)) ^ BigInt(spi));
}

Deno.test("testSecurityAssociation() is AES-256-GCM in an IPv4 tunnel with the public test key", () => {
  const sa = testSecurityAssociation({ seed: 1 });
  assertEquals([sa.spi, sa.suite.name, sa.mode, sa.outerVersion], [0x1001, "aes-gcm-256", "tunnel", 4]);
  assertEquals([sa.ivBytes, sa.icvBytes, sa.blockBytes], [8, 16, 4]);
  assertEquals(sa.key.toHex(), "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");
  assertEquals([sa.salt.toHex(), sa.authKey.toHex()], ["a0a1a2a3", ""]);
  assertEquals([sa.source.toHex(), sa.destination.toHex()], ["c6120001", "c6120002"]);
});

Deno.test("testSecurityAssociation() knows every suite, both modes and both outer versions", () => {
  for (const suite of Object.values(SUITES)) {
    const sa = testSecurityAssociation({ seed: 1, cipher: suite.name, mode: "transport", ip: 6 });
    assertEquals([sa.suite, sa.mode, sa.outerVersion], [suite, "transport", 6]);
    assertEquals([sa.key.length, sa.salt.length, sa.authKey.length], [
      suite.keyBytes,
      suite.saltBytes,
      suite.authKeyBytes,
    ]);
    assertEquals(TEST_KEY.toHex().startsWith(sa.key.toHex()), true);
    assertEquals(TEST_AUTH_KEY.toHex().startsWith(sa.authKey.toHex()), true);
    assertEquals([sa.ivBytes, sa.icvBytes, sa.blockBytes], [suite.ivBytes, suite.icvBytes, suite.blockBytes]);
    assertEquals(formatAddress6(sa.source, 0), "2001:2::1");
    assertEquals(formatAddress6(sa.destination, 0), "2001:2::2");
    for (const engine of [ENGINES.noble, ENGINES.skip]) assertEquals(sa.aead(engine).tagBytes, suite.icvBytes);
  }
  assertEquals(TEST_AUTH_KEY, Uint8Array.from({ length: 64 }, (_, i) => 0x40 + i));
});

Deno.test("nextSequence() counts from 1 to 2^32 - 1 and then refuses with 0", () => {
  const sa = testSecurityAssociation({ seed: 1 });
  assertEquals([sa.nextSequence(), sa.nextSequence(), sa.nextSequence()], [1, 2, 3]);
  sa.resumeAfter(0xfffffffd);
  assertEquals([sa.nextSequence(), sa.nextSequence()], [0xfffffffe, 0xffffffff]);
  assertEquals([sa.nextSequence(), sa.nextSequence()], [0, 0]);
});

Deno.test("nextSequence() of extended numbers goes on behind 2^32 - 1, and refuses behind 2^53 - 1", () => {
  const sa = testSecurityAssociation({ seed: 1, esn: "on" });
  sa.resumeAfter(0xfffffffe);
  assertEquals([sa.nextSequence(), sa.nextSequence()], [0xffffffff, 0x100000000]);
  assertEquals(sa.reserveSequences(10), 0x100000001);
  sa.resumeAfter(Number.MAX_SAFE_INTEGER - 1);
  assertEquals([sa.nextSequence(), sa.nextSequence()], [Number.MAX_SAFE_INTEGER, 0]);
});

Deno.test("aadFor() has the upper half of an extended number in the middle; ivFor() depends on both halves", () => {
  const sa = testSecurityAssociation({ seed: 7, esn: "on" });
  const u8 = Uint8Array.fromHex("a5" + "0000100100000005");
  assertEquals(sa.aadFor(u8, 1, 9).toHex(), "00001001" + "00000009" + "00000005");
  assertEquals(sa.aadBytes, 12);
  const fixed = fixedPart(7, TEST_SPI);
  assertEquals(sa.ivFor(0x9_00000005).toHex(), (fixed ^ 0x9_00000005n).toString(16).padStart(16, "0"));
});

Deno.test("ivFor() of AES-CBC has 16 bytes, none twice, and does not just count", () => {
  const sa = testSecurityAssociation({ seed: 7, cipher: "aes-cbc-128-sha1", esn: "on" });
  const seen = new Set<string>();
  const tails = new Set<string>();
  for (let i = 0; i < 2000; i++) {
    const iv = sa.ivFor(i % 2 === 0 ? i : i * 2 ** 32 + 1).toHex();
    assertEquals(iv.length, 32);
    seen.add(iv);
    tails.add(iv.slice(24, 30));
  }
  assertEquals(seen.size, 2000);
  assertEquals(tails.size > 900, true);
});

Deno.test("reserveSequences() takes all or none", () => {
  const sa = testSecurityAssociation({ seed: 1 });
  assertEquals(sa.reserveSequences(44), 1);
  assertEquals(sa.nextSequence(), 45);
  sa.resumeAfter(0xfffffff0);
  assertEquals(sa.reserveSequences(16), 0);
  assertEquals(sa.reserveSequences(15), 0xfffffff1);
  assertEquals(sa.nextSequence(), 0);
});

Deno.test("ivFor() is the sequence number XOR 8 bytes that follow from seed and SPI", () => {
  const sa = testSecurityAssociation({ seed: 7 });
  const fixed = fixedPart(7, TEST_SPI);
  for (const sequence of [1, 2, 0x80000000, 0xffffffff]) {
    assertEquals(sa.ivFor(sequence).toHex(), (fixed ^ BigInt(sequence)).toString(16).padStart(16, "0"));
  }
});

Deno.test("ivFor() never gives two sequence numbers one IV, and depends on seed and SPI", () => {
  const sa = testSecurityAssociation({ seed: 7 });
  const seen = new Set<string>();
  for (let sequence = 1; sequence <= 5000; sequence++) seen.add(sa.ivFor(sequence).toHex());
  assertEquals(seen.size, 5000);
  const otherSpi = new SecurityAssociation({ ...OPTIONS, seed: 7, spi: TEST_SPI + 1 });
  for (const other of [testSecurityAssociation({ seed: 8 }), otherSpi]) {
    assertEquals(seen.has(other.ivFor(1).toHex()), false);
  }
  assertEquals(testSecurityAssociation({ seed: 7 }).ivFor(1).toHex(), sa.ivFor(1).toHex());
});

Deno.test("nonceFor() is salt and IV, aadFor() is SPI and sequence number", () => {
  const sa = testSecurityAssociation({ seed: 1 });
  const u8 = Uint8Array.fromHex("a5a5a5" + "0000100100000005" + "0102030405060708" + "a5a5");
  assertEquals(sa.nonceFor(u8, 11).toHex(), "a0a1a2a3" + "0102030405060708");
  assertEquals(sa.aadFor(u8, 3).toHex(), "0000100100000005");
});

Deno.test("a suite without IV has an empty IV and nonce, and seqiv's IV otherwise", () => {
  for (const cipher of ["null", "null-sha256"] as const) {
    const sa = testSecurityAssociation({ seed: 1, cipher });
    assertEquals(sa.ivFor(1), new Uint8Array(0));
    assertEquals(sa.nonceFor(new Uint8Array(8).fill(0xa5), 0), new Uint8Array(0));
    assertEquals(sa.aadFor(Uint8Array.fromHex("0000100100000005"), 0).toHex(), "0000100100000005");
  }
  const [short, long] = (["aes-gcm-128", "aes-gcm-256"] as const).map((cipher) =>
    testSecurityAssociation({ seed: 1, cipher }).ivFor(9).toHex()
  );
  assertEquals(short, long);
});

Deno.test("SecurityAssociation copies keys, salt and addresses", () => {
  const options = {
    ...OPTIONS,
    cipher: "aes-gcm-256",
    key: TEST_KEY.slice(),
    salt: TEST_SALT.slice(),
    source: Uint8Array.of(1, 2, 3, 4),
    destination: Uint8Array.of(5, 6, 7, 8),
  } as const;
  const sa = new SecurityAssociation(options);
  for (const array of [options.key, options.salt, options.source, options.destination]) array.fill(0);
  assertEquals([sa.key, sa.salt], [TEST_KEY, TEST_SALT]);
  assertEquals([sa.source.toHex(), sa.destination.toHex()], ["01020304", "05060708"]);
  assertEquals(sa.nonceFor(new Uint8Array(8), 0).toHex(), "a0a1a2a3" + "0000000000000000");
  const authKey = TEST_AUTH_KEY.slice();
  const none = new Uint8Array(0);
  const nullSha512 = new SecurityAssociation({ ...OPTIONS, cipher: "null-sha512", key: none, salt: none, authKey });
  authKey.fill(0);
  assertEquals(nullSha512.authKey, TEST_AUTH_KEY);
});

Deno.test("SecurityAssociation refuses keys, salts, addresses of wrong lengths and an SPI that there is not", () => {
  const refuses = (change: Partial<SecurityAssociationOptions>, why: string) => {
    assertThrows(() => new SecurityAssociation({ ...OPTIONS, ...change }), RangeError, why);
  };
  const none = new Uint8Array(0);
  refuses({ key: new Uint8Array(33) }, "the key has 33 bytes, not 32 as aes-gcm-256 wants");
  refuses({ cipher: "aes-gcm-128" }, "the key has 32 bytes, not 16 as aes-gcm-128 wants");
  refuses({ salt: new Uint8Array(5) }, "the salt has 5 bytes");
  refuses({ authKey: new Uint8Array(32) }, "the authentication key has 32 bytes, not 0");
  refuses({ cipher: "null" }, "the key has 32 bytes, not 0 as null wants");
  refuses({ cipher: "null-sha256", key: none, salt: none }, "the authentication key has 0 bytes, not 32");
  refuses({ source: new Uint8Array(16) }, "the addresses have 16 and 4 bytes, not both 4 or both 16");
  refuses({ source: none, destination: none }, "the addresses have 0 and 0 bytes");
  for (const spi of [0, -1, 2 ** 32, 256.5, NaN]) refuses({ spi }, "the SPI");
});
