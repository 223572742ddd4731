/**
 * scapy as a judge: an implementation of ESP that shares nothing with ours opens what we seal, and we open what it seals.
 * Ignored where no Python with scapy and cryptography is installed.
 */

import { assert, assertEquals } from "@std/assert";
import { ENGINES } from "../crypto/engines.ts";
import { get32 } from "../wire/bytes.ts";
import * as ip from "../wire/ip.ts";
import * as ipv4 from "../wire/ipv4.ts";
import { formatAddress6 } from "../wire/ipv6_address.ts";
import * as udp from "../wire/udp.ts";
import { openEspPacket, sealEspPacket } from "./esp_packet.ts";
import type { SecurityAssociation } from "./sa.ts";
import { everyAssociation } from "./testing.ts";

/** What scapy is asked of one packet. */
interface Question {
  readonly name: string;
  readonly sa: SecurityAssociation;
  readonly inner: Uint8Array;
  readonly packet: Uint8Array;
  /** Upper half of the sequence number. */
  readonly high: number;
}

interface Answer {
  readonly opened: string;
  readonly refuses: boolean;
  readonly sealed: string;
}

/** scapy's names of our ciphers and hashes. */
const CIPHERS: Readonly<Record<string, string>> = {
  "aes-gcm": "AES-GCM",
  "aes-ccm": "AES-CCM",
  "chacha20-poly1305": "CHACHA20-POLY1305",
  "aes-cbc": "AES-CBC",
  "aes-ctr": "AES-CTR",
  "null": "NULL",
};
const HASHES: Readonly<Record<string, string>> = {
  sha1: "HMAC-SHA1-96",
  sha256: "SHA2-256-128",
  sha384: "SHA2-384-192",
  sha512: "SHA2-512-256",
};

/** The first Python here that has scapy's IPsec layer and what it needs. */
const PYTHON = ["python3", "/usr/bin/python3"].find((python) => {
  try {
    const args = ["-c", "import cryptography, scapy.layers.ipsec"];
    return new Deno.Command(python, { args, stdout: "null", stderr: "null" }).outputSync().success;
  } catch {
    return false;
  }
});

/** Cipher and hash as scapy calls them; undefined where it has no such suite. */
function namesOf({ suite, esn }: SecurityAssociation): { cipher: string; auth: string | null } | undefined {
  const [algorithm, hash] = suite.algorithm.split("-hmac-");
  const cipher = CIPHERS[algorithm!];
  // scapy cuts no tag of AES-GCM, and knows no extended sequence numbers under an HMAC.
  if (cipher === undefined || (algorithm === "aes-gcm" && suite.icvBytes !== 16)) return undefined;
  if (esn && (hash !== undefined || algorithm === "null")) return undefined;
  return { cipher, auth: hash === undefined ? null : HASHES[hash]! };
}

/** An IP packet of protocol 253, for experiments, that scapy does not look into. */
function innerPacket(version: number, payloadBytes: number): Uint8Array {
  const headerBytes = version === 6 ? 40 : 20;
  const packet = Uint8Array.from({ length: headerBytes + payloadBytes }, (_, i) => i);
  packet.set(version === 6 ? [0x60, 0, 0, 0, 0, 0, 253, 64] : [0x45, 0, 0, 0, 0, 1, 0, 0, 64, 253, 0, 0]);
  ip.setTotalBytes(packet, 0, packet.length);
  if (version === 4) ipv4.writeHeaderChecksum(packet, 0);
  return packet;
}

/** Of every association that scapy knows a packet of each IP version, padded in another way each. */
function questions(): Question[] {
  return everyAssociation().filter(({ sa }) => namesOf(sa) !== undefined).flatMap(({ name, sa }, i) => {
    // scapy finds no UDP in front of the payload of IPv6 in transport mode.
    const versions = sa.mode === "transport" && sa.encapsulation !== null ? [4] : [4, 6];
    return versions.map((version) => {
      const inner = innerPacket(version, 1 + (i * 7 + version) % 61);
      const high = sa.esn ? 7 : 0;
      const packet = sealEspPacket(inner, sa, sa.aead(ENGINES.noble), high * 2 ** 32 + 0x80000005, 0x1234);
      return { name: `${name}, IPv${version}`, sa, inner, packet, high };
    });
  });
}

function textOf(address: Uint8Array): string {
  return address.length === 4 ? address.join(".") : formatAddress6(address, 0);
}

/** Offset of the SPI. */
function espAtOf(packet: Uint8Array, { encapsulationBytes }: SecurityAssociation): number {
  return ip.headerBytes(packet, 0) + encapsulationBytes;
}

async function ask(asked: readonly Question[]): Promise<Answer[]> {
  const cases = asked.map(({ sa, inner, packet, high }) => {
    const espAt = espAtOf(packet, sa);
    return {
      ...namesOf(sa)!,
      key: sa.key.toHex() + sa.salt.toHex(),
      authKey: sa.authKey.toHex(),
      icvBytes: sa.icvBytes,
      spi: sa.spi,
      mode: sa.mode,
      version: sa.outerVersion,
      source: textOf(sa.source),
      destination: textOf(sa.destination),
      isInUdp: sa.encapsulation !== null,
      esn: sa.esn,
      high,
      low: get32(packet, espAt + 4),
      iv: packet.subarray(espAt + 8, espAt + 8 + sa.ivBytes).toHex(),
      inner: inner.toHex(),
      packet: packet.toHex(),
    };
  });
  const args = [new URL("scapy_judge.py", import.meta.url).pathname];
  const child = new Deno.Command(PYTHON!, { args, stdin: "piped", stdout: "piped", stderr: "piped" }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(JSON.stringify(cases)));
  await writer.close();
  const { success, stdout, stderr } = await child.output();
  assert(success, new TextDecoder().decode(stderr));
  return JSON.parse(new TextDecoder().decode(stdout));
}

Deno.test({
  name:
    "scapy opens what sealEspPacket() writes, and openEspPacket() what scapy seals, which is the same ESP byte for byte",
  ignore: PYTHON === undefined,
  async fn() {
    const asked = questions();
    const answers = await ask(asked);
    assert(asked.length > 150, `only ${asked.length} packets`);
    for (const [i, { name, sa, inner, packet, high }] of asked.entries()) {
      const { opened, refuses, sealed } = answers[i]!;
      assertEquals(opened, inner.toHex(), name);
      assertEquals(refuses, sa.icvBytes > 0, name);
      const theirs = Uint8Array.fromHex(sealed);
      const [ourAt, theirAt] = [packet, theirs].map((each) => espAtOf(each, sa));
      assertEquals(theirs.subarray(theirAt).toHex(), packet.subarray(ourAt).toHex(), name);
      // scapy 2.5 writes the length of a UDP header with nothing behind it.
      if (sa.encapsulation !== null) udp.setLength(theirs, theirAt! - 8, theirs.length - theirAt! + 8);
      const result = openEspPacket(theirs, sa, sa.aead(ENGINES.noble), high);
      assert(result.opened, name);
      assertEquals(result.inner, inner, name);
    }
  },
});
