import { assert, assertEquals } from "@std/assert";
import { ALGORITHMS } from "../crypto/algorithms.ts";
import { REASONS } from "../ledger/schema.ts";
import { SUITES } from "./suites.ts";

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

Deno.test("SUITES has the lengths of RFC 4106, RFC 2410 and RFC 4868", () => {
  const rows = Object.values(SUITES).map(
    ({ name, keyBytes, saltBytes, authKeyBytes, ivBytes, icvBytes, blockBytes }) => {
      return [name, keyBytes, saltBytes, authKeyBytes, ivBytes, icvBytes, blockBytes].join(" ");
    },
  );
  assertEquals(rows, [
    "aes-gcm-128 16 4 0 8 16 4",
    "aes-gcm-192 24 4 0 8 16 4",
    "aes-gcm-256 32 4 0 8 16 4",
    "null 0 0 0 0 0 4",
    "null-sha256 0 0 32 0 16 4",
  ]);
});

Deno.test("SUITES gives ledger rows the reason by which profiles price them apart", () => {
  const reasons = Object.values(SUITES).map(({ reason }) => REASONS[reason]!);
  assertEquals(reasons.map(({ name }) => name), ["aes-gcm", "aes-gcm", "aes-gcm", "null", "null-sha256"]);
  for (const { kernelFunction } of reasons) assertEquals(kernelFunction, "crypto_aead_encrypt");
});
