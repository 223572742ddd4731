import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import type { Aead, AeadAlgorithm, AeadKeys, CryptoEngine, HashAlgorithm } from "./aead.ts";
import { type AlgorithmParameters, ALGORITHMS } from "./algorithms.ts";
import { ENGINES } from "./engines.ts";

const hex = (text: string) => Uint8Array.fromHex(text);
const random = (minLength: number, maxLength = minLength) => fc.uint8Array({ minLength, maxLength, size: "max" });

/** An algorithm as ESP uses it, with keys of one length. */
interface Use {
  readonly algorithm: AeadAlgorithm;
  readonly keyBytes: number;
  readonly authKeyBytes: number;
  readonly nonceBytes: number;
  readonly tagBytes: number;
  /** What messages are a multiple of. */
  readonly blockBytes: number;
}

function blockBytesOf(cipher: string | undefined): number {
  if (cipher === "aes-cbc") return 16;
  return cipher?.endsWith("des-cbc") ? 8 : 1;
}

/** Every algorithm with every length of key and tag. */
const USES: readonly Use[] = (Object.entries(ALGORITHMS) as [AeadAlgorithm, AlgorithmParameters][]).flatMap(
  ([algorithm, parameters]) =>
    parameters.keyBytes.flatMap((keyBytes) =>
      parameters.tagBytes.map((tagBytes) => ({
        algorithm,
        keyBytes,
        authKeyBytes: parameters.authKeyBytes[0]!,
        nonceBytes: parameters.nonceBytes,
        tagBytes,
        blockBytes: blockBytesOf(parameters.parts?.cipher),
      }))
    ),
);

interface Vector {
  case: number;
  key: string;
  iv: string;
  aad: string;
  plaintext: string;
  ciphertext: string;
  tag: string;
}

interface WycheproofGroup<Test> {
  ivSize: number;
  keySize: number;
  tagSize: number;
  tests: (Test & { tcId: number; key: string; msg: string; tag: string; result: "valid" | "invalid" | "acceptable" })[];
}

const PUBLISHED: Vector[] = JSON.parse(
  Deno.readTextFileSync(new URL("../../fixtures/vectors/aes-gcm.json", import.meta.url)),
).tests;
const WYCHEPROOF = new URL("../../../shared/vectors/wycheproof/", import.meta.url);
const NO_KEY = new Uint8Array(0);

function isThere(url: URL): boolean {
  try {
    return Deno.statSync(url).isDirectory;
  } catch {
    return false;
  }
}

/** Keys of the right lengths, every byte of them `fill`. */
function keysOf({ keyBytes, authKeyBytes }: Use, fill: number): AeadKeys {
  return { key: new Uint8Array(keyBytes).fill(fill), authKey: new Uint8Array(authKeyBytes).fill(fill) };
}

/** Seals a copy of `plaintext` at an odd offset of dirty memory and checks that nothing around it changes. */
function sealed(aead: Aead, nonce: Uint8Array, aad: Uint8Array, plaintext: Uint8Array): Uint8Array {
  const u8 = new Uint8Array(3 + plaintext.length + aead.tagBytes + 5).fill(0xa5);
  u8.set(plaintext, 3);
  aead.seal(nonce, aad, u8, 3, plaintext.length);
  const message = u8.slice(3, 3 + plaintext.length + aead.tagBytes);
  u8.fill(0xa5, 3, 3 + message.length);
  assert(u8.every((byte) => byte === 0xa5));
  return message;
}

/** Opens a copy of `message` at an odd offset; undefined where it is refused, in which case no byte may have changed. */
function opened(aead: Aead, nonce: Uint8Array, aad: Uint8Array, message: Uint8Array): Uint8Array | undefined {
  const u8 = new Uint8Array(3 + message.length + 5).fill(0xa5);
  u8.set(message, 3);
  const before = u8.slice();
  if (!aead.open(nonce, aad, u8, 3, message.length)) {
    assertEquals(u8, before);
    return undefined;
  }
  const plaintext = u8.slice(3, 3 + message.length - aead.tagBytes);
  u8.set(before.subarray(3, 3 + plaintext.length), 3);
  assertEquals(u8, before);
  return plaintext;
}

for (const engine of Object.values(ENGINES)) {
  const why = engine.whyUnavailable();
  if (why !== undefined) {
    Deno.test({ name: `${engine.name}: the tests of all engines (not run: ${why})`, ignore: true, fn() {} });
    continue;
  }
  for (const use of USES) {
    const { algorithm, keyBytes, authKeyBytes, tagBytes } = use;
    const name = `${engine.name}: ${algorithm}, ${keyBytes + authKeyBytes} bytes of key, ${tagBytes} of tag`;
    testUse(name, engine, use);
    if (engine.encrypts && use.tagBytes > 0) testIntegrity(name, engine, use);
  }
  testParameters(engine);
  if (engine.encrypts) testVectors(engine);
}

/** What holds for every engine and algorithm. */
function testUse(name: string, engine: CryptoEngine, use: Use): void {
  const { algorithm, keyBytes, authKeyBytes, nonceBytes, tagBytes, blockBytes } = use;
  const aads = fc.oneof(random(8), random(12));
  const messages = random(0, 200).map((bytes) => bytes.subarray(0, bytes.length - bytes.length % blockBytes));

  Deno.test(`${name}: open() undoes seal() for every length, and the arguments stay as they were`, () => {
    const inputs = [random(keyBytes), random(authKeyBytes), random(nonceBytes), aads, messages] as const;
    fc.assert(fc.property(...inputs, (key, authKey, nonce, aad, plaintext) => {
      const aead = engine.aead(algorithm, { key, authKey }, tagBytes);
      const [nonceBefore, aadBefore] = [nonce.slice(), aad.slice()];
      const message = sealed(aead, nonce, aad, plaintext);
      assertEquals(message.length, plaintext.length + tagBytes);
      assertEquals(opened(aead, nonce, aad, message), plaintext);
      assertEquals([nonce, aad], [nonceBefore, aadBefore]);
    }));
  });

  Deno.test(`${name}: aead() copies the keys, and one message leaves nothing behind for the next`, () => {
    const keys = keysOf(use, 7);
    const aead = engine.aead(algorithm, keys, tagBytes);
    const seal = () => sealed(aead, new Uint8Array(nonceBytes), new Uint8Array(8), new Uint8Array(32).fill(1));
    const first = seal();
    keys.key.fill(0);
    keys.authKey.fill(0);
    assertEquals(seal(), first);
  });

  Deno.test(`${name}: open() refuses a message shorter than its tag`, () => {
    const aead = engine.aead(algorithm, keysOf(use, 1), tagBytes);
    for (let bytes = 0; bytes < tagBytes; bytes++) {
      assertEquals(opened(aead, new Uint8Array(nonceBytes), new Uint8Array(8), new Uint8Array(bytes)), undefined);
    }
  });
}

function testIntegrity(name: string, engine: CryptoEngine, use: Use): void {
  Deno.test(`${name}: open() refuses every changed byte of message, nonce and additional data`, () => {
    const aead = engine.aead(use.algorithm, keysOf(use, 1), use.tagBytes);
    const [nonce, aad] = [new Uint8Array(use.nonceBytes).fill(2), new Uint8Array(12).fill(3)];
    const clear = new Uint8Array(37 - 37 % use.blockBytes).fill(4);
    const message = sealed(aead, nonce, aad, clear);
    // The salt of AES-CTR is a secret that both sides have: no HMAC covers it.
    const covered = nonce.subarray(use.algorithm.startsWith("aes-ctr") ? 4 : 0);
    for (const part of [message, covered, aad]) {
      for (let i = 0; i < part.length; i++) {
        part[i]! ^= 1 << (i % 8);
        assertEquals(opened(aead, nonce, aad, message), undefined, `byte ${i}`);
        part[i]! ^= 1 << (i % 8);
      }
    }
    assertEquals(opened(aead, nonce, aad, message), clear);
  });

  Deno.test(`${name}: open() refuses a message shorter than its tag though the bytes in front complete it`, () => {
    const aead = engine.aead(use.algorithm, keysOf(use, 1), use.tagBytes);
    const nonce = new Uint8Array(use.nonceBytes);
    const u8 = sealed(aead, nonce, new Uint8Array(8), new Uint8Array(0));
    assertEquals(aead.open(nonce, new Uint8Array(8), u8, 0, use.tagBytes), true);
    assertEquals(aead.open(nonce, new Uint8Array(8), u8, 4, use.tagBytes - 4), false);
  });

  Deno.test(`${name}: open() refuses a message that was sealed under another key`, () => {
    const [one, other] = [1, 2].map((fill) => engine.aead(use.algorithm, keysOf(use, fill), use.tagBytes));
    const nonce = new Uint8Array(use.nonceBytes);
    const message = sealed(one!, nonce, new Uint8Array(8), new Uint8Array(32));
    assertEquals(opened(other!, nonce, new Uint8Array(8), message), undefined);
  });
}

function testParameters(engine: CryptoEngine): void {
  const refuses = (algorithm: AeadAlgorithm, keyBytes: number, authKeyBytes: number, tagBytes: number, why: string) => {
    const keys = { key: new Uint8Array(keyBytes), authKey: new Uint8Array(authKeyBytes) };
    assertThrows(() => engine.aead(algorithm, keys, tagBytes), RangeError, why);
  };

  Deno.test(`${engine.name}: aead() refuses keys and tags of lengths that the algorithm does not know`, () => {
    refuses("aes-gcm", 31, 0, 16, "Cannot make aes-gcm: the key has 31 bytes, not 16 or 24 or 32");
    refuses("aes-gcm", 32, 1, 16, "the authentication key has 1 bytes, not 0");
    refuses("aes-gcm", 32, 0, 10, "the tag has 10 bytes, not 8 or 12 or 16");
    refuses("aes-gmac", 32, 0, 12, "the tag has 12 bytes, not 16");
    refuses("chacha20-poly1305", 16, 0, 16, "the key has 16 bytes, not 32");
    refuses("aes-cbc-hmac-sha1", 16, 32, 12, "the authentication key has 32 bytes, not 20");
    refuses("aes-cbc-hmac-sha1", 16, 20, 16, "the tag has 16 bytes, not 12");
    refuses("null", 16, 0, 0, "the key has 16 bytes");
    refuses("null", 0, 0, 16, "the tag has 16 bytes");
    refuses("null-hmac-sha256", 0, 20, 16, "the authentication key has 20 bytes, not 32");
    refuses("null-hmac-sha256", 0, 32, 32, "the tag has 32 bytes, not 16");
  });
}

/** The tests that an engine without encryption cannot pass. */
function testVectors(engine: CryptoEngine): void {
  for (const vector of PUBLISHED) {
    Deno.test(`${engine.name}: seal() and open() give McGrew and Viega's test case ${vector.case}`, () => {
      const aead = engine.aead("aes-gcm", { key: hex(vector.key), authKey: NO_KEY }, 16);
      const message = hex(vector.ciphertext + vector.tag);
      assertEquals(sealed(aead, hex(vector.iv), hex(vector.aad), hex(vector.plaintext)), message);
      assertEquals(opened(aead, hex(vector.iv), hex(vector.aad), message), hex(vector.plaintext));
    });
  }

  Deno.test(`${engine.name}: aes-gcm with a short tag is aes-gcm with its tag cut (SP 800-38D, section 7.1)`, () => {
    for (const vector of PUBLISHED) {
      for (const tagBytes of [8, 12]) {
        const aead = engine.aead("aes-gcm", { key: hex(vector.key), authKey: NO_KEY }, tagBytes);
        const message = hex(vector.ciphertext + vector.tag.slice(0, 2 * tagBytes));
        assertEquals(sealed(aead, hex(vector.iv), hex(vector.aad), hex(vector.plaintext)), message);
        assertEquals(opened(aead, hex(vector.iv), hex(vector.aad), message), hex(vector.plaintext));
      }
    }
  });

  Deno.test(`${engine.name}: aes-gmac is aes-gcm over nothing, the message behind IV and additional data (RFC 4543)`, () => {
    const keys = { key: new Uint8Array(16).fill(7), authKey: NO_KEY };
    const [nonce, aad, clear] = [hex("000102030405060708090a0b"), hex("0000100100000001"), hex("45000014")];
    const tag = sealed(
      engine.aead("aes-gcm", keys, 16),
      nonce,
      hex(aad.toHex() + "0405060708090a0b" + "45000014"),
      NO_KEY,
    );
    const message = hex(clear.toHex() + tag.toHex());
    assertEquals(sealed(engine.aead("aes-gmac", keys, 16), nonce, aad, clear), message);
  });

  testWycheproofAead(engine, "aes-gcm", "aes_gcm_test.json", ({ ivSize }) => {
    // OpenSSL takes nonces of 128 bytes at most.
    return ivSize >= 64 && (engine.name !== "openssl" || ivSize <= 1024);
  }, 250);
  testWycheproofAead(engine, "chacha20-poly1305", "chacha20_poly1305_test.json", ({ ivSize }) => ivSize === 96, 300);
  for (const hash of ["sha1", "sha256", "sha384", "sha512"] as const) testWycheproofHmac(engine, hash);
  testWycheproofCbc(engine);
}

function testWycheproofAead(
  engine: CryptoEngine,
  algorithm: AeadAlgorithm,
  file: string,
  isOurs: (group: { ivSize: number }) => boolean,
  least: number,
): void {
  Deno.test({
    name: `${engine.name}: ${algorithm} seals and opens as Wycheproof says`,
    ignore: !isThere(WYCHEPROOF),
    fn() {
      let run = 0;
      for (const group of wycheproof<{ iv: string; aad: string; ct: string }>(file)) {
        if (!isOurs(group) || group.tagSize !== 128) continue;
        for (const test of group.tests) {
          const aead = engine.aead(algorithm, { key: hex(test.key), authKey: NO_KEY }, 16);
          const message = hex(test.ct + test.tag);
          const plaintext = opened(aead, hex(test.iv), hex(test.aad), message);
          assertEquals(plaintext, test.result === "valid" ? hex(test.msg) : undefined, `tcId ${test.tcId}`);
          if (test.result === "valid") assertEquals(sealed(aead, hex(test.iv), hex(test.aad), hex(test.msg)), message);
          run++;
        }
      }
      assert(run > least, `only ${run} tests were run`);
    },
  });
}

/** Keys as long as the hash; a tag of Wycheproof that is longer than ours counts with its front. */
function testWycheproofHmac(engine: CryptoEngine, hash: HashAlgorithm): void {
  Deno.test({
    name: `${engine.name}: null-hmac-${hash} authenticates as Wycheproof says, wherever the message is split`,
    ignore: !isThere(WYCHEPROOF),
    fn() {
      const { authKeyBytes: [keyBytes], tagBytes: [tagBytes] } = ALGORITHMS[`null-hmac-${hash}`];
      let run = 0;
      for (const group of wycheproof(`hmac_${hash}_test.json`)) {
        if (group.keySize !== 8 * keyBytes! || group.tagSize < 8 * tagBytes!) continue;
        for (const test of group.tests) {
          if (group.tagSize > 8 * tagBytes! && test.result !== "valid") continue;
          const aead = engine.aead(`null-hmac-${hash}`, { key: NO_KEY, authKey: hex(test.key) }, tagBytes!);
          const msg = hex(test.msg);
          for (const split of [0, 8, msg.length]) {
            // Additional data of 12 bytes are taken for SPI and extended sequence number.
            if (Math.min(split, msg.length) === 12) continue;
            const [aad, clear] = [msg.subarray(0, split), msg.subarray(split)];
            const message = hex(clear.toHex() + test.tag.slice(0, 2 * tagBytes!));
            const plaintext = opened(aead, NO_KEY, aad, message);
            assertEquals(plaintext, test.result === "valid" ? clear : undefined, `tcId ${test.tcId}`);
            if (test.result === "valid") assertEquals(sealed(aead, NO_KEY, aad, clear), message);
          }
          run++;
        }
      }
      assert(run > 20, `only ${run} tests were run`);
    },
  });
}

/** Wycheproof's messages are padded as in PKCS #5, which ESP does itself. */
function testWycheproofCbc(engine: CryptoEngine): void {
  Deno.test({
    name: `${engine.name}: aes-cbc-hmac-sha1 encrypts as Wycheproof says of AES-CBC`,
    ignore: !isThere(WYCHEPROOF),
    fn() {
      let run = 0;
      for (const group of wycheproof<{ iv: string; ct: string }>("aes_cbc_pkcs5_test.json")) {
        for (const test of group.tests) {
          if (test.result !== "valid") continue;
          const padBytes = 16 - (test.msg.length / 2) % 16;
          const clear = hex(test.msg + padBytes.toString(16).padStart(2, "0").repeat(padBytes));
          const keys = { key: hex(test.key), authKey: new Uint8Array(20) };
          const message = sealed(engine.aead("aes-cbc-hmac-sha1", keys, 12), hex(test.iv), new Uint8Array(8), clear);
          assertEquals(message.subarray(0, -12).toHex(), test.ct, `tcId ${test.tcId}`);
          run++;
        }
      }
      assert(run > 50, `only ${run} tests were run`);
    },
  });
}

function wycheproof<Test = unknown>(file: string): WycheproofGroup<Test>[] {
  return JSON.parse(Deno.readTextFileSync(new URL(file, WYCHEPROOF))).testGroups;
}

Deno.test("skip: seal() leaves the plaintext and writes a tag of zeros", () => {
  const message = sealed(
    ENGINES.skip.aead("aes-gcm", { key: new Uint8Array(32), authKey: NO_KEY }, 16),
    new Uint8Array(12),
    new Uint8Array(8),
    hex("0102"),
  );
  assertEquals(message.toHex(), "0102" + "00".repeat(16));
});

Deno.test("null leaves every byte as it is, whichever engine", () => {
  for (const engine of Object.values(ENGINES).filter((engine) => engine.whyUnavailable() === undefined)) {
    const aead = engine.aead("null", { key: NO_KEY, authKey: NO_KEY }, 0);
    assertEquals(sealed(aead, NO_KEY, new Uint8Array(8), hex("010203")), hex("010203"));
    assertEquals(opened(aead, NO_KEY, new Uint8Array(8), hex("010203")), hex("010203"));
  }
});

Deno.test("ENGINES names each engine as the engine names itself", () => {
  for (const [name, engine] of Object.entries(ENGINES)) assertEquals(engine.name, name);
});
