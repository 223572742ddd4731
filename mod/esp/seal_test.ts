import { assertEquals } from "@std/assert";
import { ENGINES } from "../crypto/engines.ts";
import { padAndTrailerBytes } from "./arithmetic.ts";
import { writeEspHeader, writeTrailer } from "./framing.ts";
import { SecurityAssociation, testSecurityAssociation } from "./sa.ts";
import { openEsp, sealEsp } from "./seal.ts";
import { type CipherName, SUITES } from "./suites.ts";

interface EspVector {
  name?: string;
  section?: string;
  key: string;
  salt: string;
  spi: string;
  /** Upper half of an extended number; absent: it has 32 bits. */
  sequenceHigh?: string;
  sequence: string;
  iv: string;
  payload: string;
  padBytes: number;
  nextHeader: number;
  packet: string;
}

const hex = (text: string) => Uint8Array.fromHex(text);
const vectorsOf = (file: string): EspVector[] => {
  return JSON.parse(Deno.readTextFileSync(new URL(`../../fixtures/vectors/${file}`, import.meta.url))).tests;
};
/** The vectors of each publication, and their suite. */
const PUBLISHED = [
  {
    source: "McGrew's ESP test case",
    vectors: [...vectorsOf("rfc4106-esp.json"), ...vectorsOf("rfc4106-esp-esn.json")],
    cipherOf: ({ key }: EspVector) => `aes-gcm-${key.length * 4}` as CipherName,
  },
  {
    source: "RFC 7634, appendix",
    vectors: vectorsOf("rfc7634-esp.json"),
    cipherOf: (): CipherName => "chacha20-poly1305",
  },
];

/** The SPI is not checked by sealing: one vector has 0, which an association may not have. */
function association(cipher: CipherName, { key, salt, sequenceHigh }: EspVector): SecurityAssociation {
  const address = new Uint8Array(4);
  return new SecurityAssociation({
    spi: 0x1000,
    cipher,
    key: hex(key),
    salt: hex(salt),
    authKey: new Uint8Array(0),
    mode: "transport",
    source: address,
    destination: address,
    seed: 0,
    esn: sequenceHigh !== undefined,
  });
}

const CASES = PUBLISHED.flatMap(({ source, vectors, cipherOf }) =>
  vectors.map((vector) => ({ source, vector, cipher: cipherOf(vector) }))
);

const sealing = Object.values(ENGINES).filter((engine) => engine.encrypts && engine.whyUnavailable() === undefined);

for (const engine of sealing) {
  for (const { source, vector, cipher } of CASES) {
    const name = vector.name ?? vector.section;
    Deno.test(`${engine.name}: sealEsp() and openEsp() give ${source} ${name}`, () => {
      const sa = association(cipher, vector);
      const payload = hex(vector.payload);
      const packet = hex(vector.packet);
      const clearBytes = payload.length + padAndTrailerBytes(payload.length, sa.blockBytes);
      assertEquals(clearBytes, payload.length + vector.padBytes + 2);

      const u8 = new Uint8Array(5 + packet.length + 3).fill(0xa5);
      writeEspHeader(u8, 5, Number(`0x${vector.spi}`), Number(`0x${vector.sequence}`), hex(vector.iv));
      u8.set(payload, 5 + 16);
      writeTrailer(u8, 5 + 16 + payload.length, vector.padBytes, vector.nextHeader);
      const clear = u8.slice(5 + 16, 5 + 16 + clearBytes);
      const high = Number(`0x${vector.sequenceHigh ?? "0"}`);
      sealEsp(sa, sa.aead(engine), u8, 5, clearBytes, high);
      assertEquals(u8.toHex(), "a5".repeat(5) + vector.packet + "a5".repeat(3));

      if (sa.esn) assertEquals(openEsp(sa, sa.aead(engine), u8.slice(), 5, packet.length, (high ^ 1) >>> 0), false);
      assertEquals(openEsp(sa, sa.aead(engine), u8, 5, packet.length, high), true);
      assertEquals(u8.subarray(5 + 16, 5 + 16 + clearBytes), clear);
    });
  }
}

Deno.test("sealEsp() of null-sha256 authenticates SPI, sequence number and payload (RFC 4868)", () => {
  const sa = testSecurityAssociation({ seed: 1, cipher: "null-sha256" });
  const clear = "0000100100000007" + "450000160102030405060708" + "0102" + "0204";
  const u8 = Uint8Array.fromHex("a5a5" + clear + "00".repeat(16) + "a5");
  sealEsp(sa, sa.aead(ENGINES.noble), u8, 2, 16);
  // The first half of HMAC-SHA256 over these 24 bytes under 40 41 ... 5f, computed with OpenSSL.
  assertEquals(u8.toHex(), "a5a5" + clear + "8adb26c384d002de59bdd37dd971978f" + "a5");
});

Deno.test("sealEsp() authenticates the upper half of an extended number in the middle, and last with an HMAC (RFC 4304)", () => {
  const seal = (cipher: CipherName, high: number) => {
    const sa = testSecurityAssociation({ seed: 1, cipher, esn: "on" });
    const u8 = new Uint8Array(8 + sa.ivBytes + 16 + sa.icvBytes);
    sealEsp(sa, sa.aead(ENGINES.noble), u8, 0, 16, high);
    return u8.subarray(-sa.icvBytes).toHex();
  };
  // HMAC-SHA256 over 24 bytes of zeros and 00000005, cut to 16 bytes, computed with Python's hmac.
  assertEquals(seal("null-sha256", 5), "13507edf4321cbced551a8a14ae08e55");
  // AES-256-GCM of 16 bytes of zeros with the additional data 00000000 00000005 00000000, computed with OpenSSL.
  assertEquals(seal("aes-gcm-256", 5), "585ea7a1be9e0e103c127355511d300b");
});

Deno.test("openEsp() refuses a packet too short for header, IV and ICV, whatever the suite and engine", () => {
  for (const suite of Object.values(SUITES)) {
    const sa = testSecurityAssociation({ seed: 1, cipher: suite.name });
    const least = 8 + suite.ivBytes + suite.icvBytes;
    for (const engine of Object.values(ENGINES).filter((engine) => engine.whyUnavailable() === undefined)) {
      for (let bytes = 0; bytes < least; bytes++) {
        assertEquals(openEsp(sa, sa.aead(engine), new Uint8Array(64), 0, bytes), false, `${engine.name} ${suite.name}`);
      }
    }
    assertEquals(openEsp(sa, sa.aead(ENGINES.skip), new Uint8Array(64), 0, least), true, suite.name);
  }
});
