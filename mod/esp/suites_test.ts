import { assert, assertEquals } from "@std/assert";
import { CIPHER_NAMES } from "../config/cipher_names.ts";
import { priceOf } from "../cost/profile.ts";
import { PROFILES } from "../cost/profiles.ts";
import { ALGORITHMS } from "../crypto/algorithms.ts";
import { EVENT, EVENT_NAMES, REASONS } from "../ledger/schema.ts";
import { type CipherName, SUITES } from "./suites.ts";

Deno.test("SUITES names each suite as the suite names itself, with lengths that its algorithm takes", () => {
  for (const [name, suite] of Object.entries(SUITES)) {
    const lengths = ALGORITHMS[suite.algorithm];
    assertEquals(suite.name, name);
    assert(lengths.keyBytes.includes(suite.keyBytes), name);
    assert(lengths.authKeyBytes.includes(suite.authKeyBytes), name);
    assert(lengths.tagBytes.includes(suite.icvBytes), name);
    assert(suite.blockBytes >= 4 && (suite.blockBytes & (suite.blockBytes - 1)) === 0, name);
  }
});

Deno.test("SUITES has the lengths of RFC 4106, 4309, 4543, 7634, 3602, 3686, 2410, 2404 and 4868", () => {
  const rows = Object.values(SUITES).map(
    ({ name, keyBytes, saltBytes, authKeyBytes, ivBytes, icvBytes, blockBytes }) => {
      return [name, keyBytes, saltBytes, authKeyBytes, ivBytes, icvBytes, blockBytes].join(" ");
    },
  );
  const aes = (row: (bits: number, keyBytes: number) => string[]) =>
    [[128, 16], [192, 24], [256, 32]].map(([bits, key]) => {
      return row(bits!, key!);
    });
  const byIcv = (rows: string[][]) => [0, 1, 2].flatMap((i) => rows.map((row) => row[i]!));
  const hmacs = [["sha1", 20, 12], ["sha256", 32, 16], ["sha384", 48, 24], ["sha512", 64, 32]] as const;
  const withHmacs = (name: string, tail: string) =>
    hmacs.flatMap(([hash, authKey, icv]) =>
      aes((
        bits,
        key,
      ) => [`aes-${name}-${bits}-${hash} ${key} ${tail.replace("HMAC", `${authKey}`).replace("ICV", `${icv}`)}`])
        .flat()
    );
  const aead = (name: string, saltBytes: number) =>
    byIcv(aes((bits, key) => [
      `aes-${name}-${bits} ${key} ${saltBytes} 0 8 16 4`,
      `aes-${name}-${bits}-icv8 ${key} ${saltBytes} 0 8 8 4`,
      `aes-${name}-${bits}-icv12 ${key} ${saltBytes} 0 8 12 4`,
    ]));
  assertEquals(rows, [
    ...aead("gcm", 4),
    ...aead("ccm", 3),
    ...aes((bits, key) => [`aes-gmac-${bits} ${key} 4 0 8 16 4`]).flat(),
    "chacha20-poly1305 32 4 0 8 16 4",
    ...withHmacs("cbc", "0 HMAC 16 ICV 16"),
    ...withHmacs("ctr", "4 HMAC 8 ICV 4"),
    "null 0 0 0 0 0 4",
    ...hmacs.map(([hash, authKey, icv]) => `null-${hash} 0 0 ${authKey} 0 ${icv} 4`),
  ]);
});

Deno.test("SUITES are the values of the configuration key cipher, in its order", () => {
  assertEquals(Object.keys(SUITES), [...CIPHER_NAMES]);
});

Deno.test("SUITES gives ledger rows the reason by which profiles price them apart: no ICV, no key but AES of 128 bits", () => {
  for (const { name, reason } of Object.values(SUITES)) {
    const { name: shown, kernelFunction } = REASONS[reason]!;
    const withoutLengths = name.replace(/-icv\d+$/, "").replace(/-(192|256)\b/, "");
    // Nobody has published what the key of CCM and GMAC makes of them.
    assertEquals(shown, withoutLengths.replace(/^(aes-ccm|aes-gmac)-128$/, "$1"));
    assertEquals(kernelFunction, "crypto_aead_encrypt");
  }
});

Deno.test("every shipped profile prices sealing and opening of every suite, but for ESP-NULL by the byte", () => {
  for (const profile of PROFILES.values()) {
    const price = priceOf(profile);
    for (const { name, reason } of Object.values(SUITES)) {
      for (const event of [EVENT.seal, EVENT.open]) {
        const perByte = price(event, 0, reason, 1460, 1) - price(event, 0, reason, 0, 1);
        assertEquals(perByte > 0, name !== "null", `${profile.name} ${name}`);
      }
    }
  }
});

Deno.test("every shipped profile: AES-GCM, CBC and CTR take less by the byte with keys of 128 bits than of 256", () => {
  const short = Object.values(SUITES).filter(({ name }) => /^aes-(gcm|cbc|ctr)-128\b/.test(name));
  assertEquals(new Set(short.map(({ reason }) => REASONS[reason]!.name)).size, 9);
  for (const profile of PROFILES.values()) {
    const price = priceOf(profile);
    for (const { name, reason } of short) {
      const long = SUITES[name.replace("-128", "-256") as CipherName].reason;
      for (const event of [EVENT.seal, EVENT.open]) {
        const perByte = (reason: number) => price(event, 0, reason, 1460, 1) - price(event, 0, reason, 0, 1);
        assert(perByte(reason) < perByte(long), `${profile.name} ${name} ${EVENT_NAMES[event]}`);
      }
    }
  }
});
