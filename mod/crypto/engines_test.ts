import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import type { Aead, CryptoEngine } from "./aead.ts";
import { ENGINES } from "./engines.ts";

const hex = (text: string) => Uint8Array.fromHex(text);
const random = (minLength: number, maxLength = minLength) => fc.uint8Array({ minLength, maxLength, size: "max" });

interface Vector {
  case: number;
  key: string;
  iv: string;
  aad: string;
  plaintext: string;
  ciphertext: string;
  tag: string;
}

interface WycheproofGroup {
  ivSize: number;
  tagSize: number;
  tests: {
    tcId: number;
    key: string;
    iv: string;
    aad: string;
    msg: string;
    ct: string;
    tag: string;
    result: "valid" | "invalid" | "acceptable";
  }[];
}

const PUBLISHED: Vector[] = JSON.parse(
  Deno.readTextFileSync(new URL("../../fixtures/vectors/aes-gcm.json", import.meta.url)),
).tests;
const WYCHEPROOF = new URL("../../../shared/vectors/wycheproof/aes_gcm_test.json", import.meta.url);

function isThere(url: URL): boolean {
  try {
    return Deno.statSync(url).isFile;
  } catch {
    return false;
  }
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
  Deno.test(`${engine.name}: open() undoes seal() for every length, and the arguments stay as they were`, () => {
    fc.assert(fc.property(random(32), random(12), random(8), random(0, 200), (key, nonce, aad, plaintext) => {
      const aead = engine.aesGcm(key, 16);
      const [nonceBefore, aadBefore] = [nonce.slice(), aad.slice()];
      const message = sealed(aead, nonce, aad, plaintext);
      assertEquals(opened(aead, nonce, aad, message), plaintext);
      assertEquals([nonce, aad], [nonceBefore, aadBefore]);
    }));
  });

  Deno.test(`${engine.name}: aesGcm() copies the key`, () => {
    const key = new Uint8Array(32).fill(7);
    const aead = engine.aesGcm(key, 16);
    const first = sealed(aead, new Uint8Array(12), new Uint8Array(8), new Uint8Array(20));
    key.fill(0);
    assertEquals(sealed(aead, new Uint8Array(12), new Uint8Array(8), new Uint8Array(20)), first);
  });

  Deno.test(`${engine.name}: open() refuses a message shorter than its tag`, () => {
    const aead = engine.aesGcm(new Uint8Array(32), 16);
    assertEquals(opened(aead, new Uint8Array(12), new Uint8Array(8), new Uint8Array(15)), undefined);
    assertEquals(opened(aead, new Uint8Array(12), new Uint8Array(8), new Uint8Array(0)), undefined);
  });

  Deno.test(`${engine.name}: aesGcm() refuses a key of 31 bytes and a tag of 12`, () => {
    assertThrows(() => engine.aesGcm(new Uint8Array(31), 16), RangeError, "the key has 31 bytes");
    assertThrows(() => engine.aesGcm(new Uint8Array(32), 12), RangeError, "a tag of 12 bytes");
  });

  if (engine.encrypts) testEncryption(engine);
}

/** The tests that an engine without encryption cannot pass. */
function testEncryption(engine: CryptoEngine): void {
  for (const vector of PUBLISHED) {
    Deno.test(`${engine.name}: seal() and open() give McGrew and Viega's test case ${vector.case}`, () => {
      const aead = engine.aesGcm(hex(vector.key), 16);
      const message = hex(vector.ciphertext + vector.tag);
      assertEquals(sealed(aead, hex(vector.iv), hex(vector.aad), hex(vector.plaintext)), message);
      assertEquals(opened(aead, hex(vector.iv), hex(vector.aad), message), hex(vector.plaintext));
    });
  }

  Deno.test({
    name: `${engine.name}: seal() and open() agree with Wycheproof`,
    ignore: !isThere(WYCHEPROOF),
    fn() {
      const groups: WycheproofGroup[] = JSON.parse(Deno.readTextFileSync(WYCHEPROOF)).testGroups;
      let run = 0;
      for (const group of groups) {
        if (group.ivSize < 64 || group.tagSize !== 128) continue;
        for (const test of group.tests) {
          const aead = engine.aesGcm(hex(test.key), 16);
          const message = hex(test.ct + test.tag);
          const plaintext = opened(aead, hex(test.iv), hex(test.aad), message);
          assertEquals(plaintext, test.result === "valid" ? hex(test.msg) : undefined, `tcId ${test.tcId}`);
          if (test.result === "valid") assertEquals(sealed(aead, hex(test.iv), hex(test.aad), hex(test.msg)), message);
          run++;
        }
      }
      assert(run > 250, `only ${run} tests were run`);
    },
  });

  Deno.test(`${engine.name}: open() refuses every changed byte of message, nonce and additional data`, () => {
    const aead = engine.aesGcm(new Uint8Array(32).fill(1), 16);
    const [nonce, aad] = [new Uint8Array(12).fill(2), new Uint8Array(8).fill(3)];
    const message = sealed(aead, nonce, aad, new Uint8Array(37).fill(4));
    for (const part of [message, nonce, aad]) {
      for (let i = 0; i < part.length; i++) {
        part[i]! ^= 1 << (i % 8);
        assertEquals(opened(aead, nonce, aad, message), undefined, `byte ${i}`);
        part[i]! ^= 1 << (i % 8);
      }
    }
    assertEquals(opened(aead, nonce, aad, message), new Uint8Array(37).fill(4));
  });
}

Deno.test("skip: seal() leaves the plaintext and writes a tag of zeros", () => {
  const message = sealed(
    ENGINES.skip.aesGcm(new Uint8Array(32), 16),
    new Uint8Array(12),
    new Uint8Array(8),
    hex("0102"),
  );
  assertEquals(message.toHex(), "0102" + "00".repeat(16));
});

Deno.test("ENGINES names each engine as the engine names itself", () => {
  for (const [name, engine] of Object.entries(ENGINES)) assertEquals(engine.name, name);
});
