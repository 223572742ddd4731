/**
 * Speed of sealing ESP packets, beside that of the cipher alone: `deno task speed`.
 *
 * Sealed are packets of 1460 bytes with AES-256-GCM in tunnel mode: the packet is put into its place, outer header, SPI, sequence
 * number, IV, padding and trailer are written, and all is encrypted and authenticated, by OpenSSL through foreign functions
 * and by noble. Beside it stands what `openssl speed -evp aes-256-gcm -bytes 1460` says in the same run, which encrypts and does
 * nothing else. Both count the time that the process had a CPU, so that other work on the machine does not matter. Runs take
 * turns, and the middle one of five counts. Gbit/s are of the 1460 bytes.
 *
 * @module
 */

import process from "node:process";
import type { EngineName } from "../crypto/aead.ts";
import { ENGINES } from "../crypto/engines.ts";
import { ESP_HEADER_BYTES, ESP_TRAILER_BYTES, outerHeaderBytes, padAndTrailerBytes } from "../esp/arithmetic.ts";
import { tunnelNextHeader, writeEspHeader, writeOuterHeader, writeTrailer } from "../esp/framing.ts";
import { testSecurityAssociation } from "../esp/sa.ts";
import { sealEsp } from "../esp/seal.ts";

const PACKET_BYTES = 1460;
const ROUNDS = 5;
const ROUND_MS = 300;
/** Packets between two looks at the clock. */
const BATCH = 256;
/** The share of OpenSSL's own speed that sealing should have. */
const WANTED_SHARE = 0.6;

/** A function that seals the next packet, each in the same place. */
function sealer(name: EngineName): () => void {
  const sa = testSecurityAssociation({ seed: 1 });
  const aead = sa.aead(ENGINES[name]);
  const inner = new Uint8Array(PACKET_BYTES).fill(0x45);
  const espAt = outerHeaderBytes(sa.outerVersion);
  const payloadAt = espAt + ESP_HEADER_BYTES + sa.ivBytes;
  const padAndTrailer = padAndTrailerBytes(PACKET_BYTES, sa.blockBytes);
  const packetBytes = payloadAt + PACKET_BYTES + padAndTrailer + sa.icvBytes;
  const u8 = new Uint8Array(packetBytes);
  return () => {
    const sequence = sa.nextSequence();
    u8.set(inner, payloadAt);
    writeOuterHeader(u8, 0, payloadAt, packetBytes, sequence & 0xffff, sa.source, sa.destination, sa.tunnelHeader);
    writeEspHeader(u8, espAt, sa.spi, sequence, sa.ivFor(sequence));
    writeTrailer(u8, payloadAt + PACKET_BYTES, padAndTrailer - ESP_TRAILER_BYTES, tunnelNextHeader(u8, payloadAt));
    sealEsp(sa, aead, u8, espAt, PACKET_BYTES + padAndTrailer);
  };
}

/** Time that this process has had a CPU. */
function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** Gbit/s of one round. */
function measured(seal: () => void): number {
  const startMs = cpuMs();
  let packets = 0;
  let elapsedMs = 0;
  while (elapsedMs < ROUND_MS) {
    for (let i = 0; i < BATCH; i++) seal();
    packets += BATCH;
    elapsedMs = cpuMs() - startMs;
  }
  return packets * PACKET_BYTES * 8 / (elapsedMs * 1e6);
}

/** Gbit/s that OpenSSL's own program finds in one second. */
function opensslSpeed(): number {
  const args = ["speed", "-mr", "-seconds", "1", "-bytes", String(PACKET_BYTES), "-evp", "aes-256-gcm"];
  const { stdout } = new Deno.Command("openssl", { args, stdout: "piped", stderr: "null" }).outputSync();
  const line = new TextDecoder().decode(stdout).split("\n").find((text) => text.startsWith("+F:"));
  return Number(line?.split(":").at(-1)) * 8 / 1e9;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!;
}

if (import.meta.main) {
  const why = ENGINES.openssl.whyUnavailable();
  if (why !== undefined) throw new Error(`Cannot measure OpenSSL: ${why}`);
  const [fast, portable] = [sealer("openssl"), sealer("noble")];
  measured(fast);
  const rounds = Array.from({ length: ROUNDS }, () => [opensslSpeed(), measured(fast), measured(portable)]);
  const [cipher, openssl, noble] = [0, 1, 2].map((column) => median(rounds.map((round) => round[column]!)));
  const share = openssl! / cipher!;
  const lines = [
    `openssl speed -evp aes-256-gcm  ${cipher!.toFixed(2).padStart(6)} Gbit/s`,
    `ESP packets, engine=openssl     ${openssl!.toFixed(2).padStart(6)} Gbit/s, ${share.toFixed(2)} of it`,
    `ESP packets, engine=noble       ${noble!.toFixed(2).padStart(6)} Gbit/s`,
  ];
  await Deno.stdout.write(new TextEncoder().encode(`${lines.join("\n")}\n`));
  if (!(share >= WANTED_SHARE)) Deno.exit(1);
}
