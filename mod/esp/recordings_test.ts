/** The kernel's ESP packets: they open, and what this folder writes from what is inside are the same bytes. */

import { assert, assertEquals } from "@std/assert";
import { parse } from "@std/csv";
import { openCapture, sourceOfBytes } from "../capture/mod.ts";
import { readAll } from "../capture/testing.ts";
import { ENGINES } from "../crypto/engines.ts";
import { ETH_HLEN } from "../wire/ethernet.ts";
import * as ip from "../wire/ip.ts";
import * as ipv4 from "../wire/ipv4.ts";
import * as ipv6 from "../wire/ipv6.ts";
import * as udp from "../wire/udp.ts";
import { ciphertextBytes, ESP_HEADER_BYTES, ESP_TRAILER_BYTES, headerBytes, padAndTrailerBytes } from "./arithmetic.ts";
import { type OpenedPacket, openEspPacket, sealEspPacket } from "./esp_packet.ts";
import { sequenceHigh, tunnelNextHeader } from "./framing.ts";
import { SecurityAssociation } from "./sa.ts";
import { associationOf, type RecordedSa } from "./testing_recorded_sa.ts";
import { EspInsertion } from "./transport.ts";

const SHARED = new URL("../../../shared/", import.meta.url);
const ROOTS = ["oracle/", "oracle-2/"].map((root) => new URL(root, SHARED));

interface Scenario {
  readonly name: string;
  readonly path: string;
  readonly sa?: readonly RecordedSa[];
  /** Upper halves that extended sequence numbers may have. */
  readonly esn_hi?: readonly number[];
}

/** A recording all of whose associations are known here. */
interface Recording {
  readonly folder: URL;
  readonly scenario: Scenario;
  readonly associations: readonly SecurityAssociation[];
}

function isThere(url: URL): boolean {
  try {
    Deno.statSync(url);
    return true;
  } catch {
    return false;
  }
}

function recordings(...paths: readonly string[]): Recording[] {
  const found: Recording[] = [];
  for (const root of ROOTS) {
    for (const { name, isDirectory } of Deno.readDirSync(root)) {
      if (!isDirectory) continue;
      const folder = new URL(`${name}/`, root);
      const scenario: Scenario = JSON.parse(Deno.readTextFileSync(new URL("scenario.json", folder)));
      const associations = (scenario.sa ?? []).map(associationOf).filter((sa) => sa !== undefined);
      const known = associations.length > 0 && associations.length === scenario.sa!.length;
      if (known && paths.includes(scenario.path)) found.push({ folder, scenario, associations });
    }
  }
  return found;
}

/** The packets of a capture behind `linkBytes` bytes of link header. */
async function packetsOf(file: URL, linkBytes: number): Promise<Uint8Array[]> {
  const frames = await readAll(await openCapture(sourceOfBytes(Deno.readFileSync(file)), "recording"));
  return frames.map(({ bytes }) => bytes.subarray(linkBytes));
}

/** What `openEspPacket()` says. */
interface Opening {
  readonly sa: SecurityAssociation;
  readonly result: OpenedPacket;
}

/** Opens a packet under the association that it names; undefined where it is no ESP packet, or a fragment of one. */
function opening(packet: Uint8Array, { associations, scenario }: Recording): Opening | undefined {
  for (const sa of associations) {
    const results = (scenario.esn_hi ?? [0]).map((high) => openEspPacket(packet, sa, sa.aead(ENGINES.noble), high));
    const result = results.find(({ opened }) => opened) ?? results[0]!;
    if (result.opened || !["not-esp", "fragment", "spi"].includes(result.reason)) return { sa, result };
  }
  return undefined;
}

/** An association that has the IV of a recorded packet for every packet. */
class WithRecordedIv extends SecurityAssociation {
  readonly #recorded: Uint8Array;

  constructor(sa: SecurityAssociation, iv: Uint8Array) {
    super({ ...sa, cipher: sa.suite.name, seed: 0 });
    this.#recorded = iv;
  }

  override ivFor(): Uint8Array {
    return this.#recorded;
  }
}

/** What an SA of the kernel may be told to do otherwise with DSCP, ECN and DF; it is not modelled. */
const HEADER_FLAGS = ["noecn", "nopmtudisc"];

/** Whether the headers or the padding follow from more than what is inside. */
function isUnmodelled({ name, sa }: Scenario): boolean {
  return /tfcpad|dont-encap-dscp/.test(name) ||
    sa!.some(({ flags = [] }) => flags.some((flag) => HEADER_FLAGS.includes(flag)));
}

/** A packet that the kernel sent, opened. */
interface Opened {
  readonly recording: Recording;
  readonly packet: Uint8Array;
  readonly sa: SecurityAssociation;
  readonly result: OpenedPacket & { opened: true };
  /** Number of the frame in `output.pcap`. */
  readonly index: number;
}

/** Opens every ESP packet that the kernel sent under a suite that is known here; fails where one cannot be opened. */
async function openedPackets(): Promise<Opened[]> {
  const opened: Opened[] = [];
  for (const recording of recordings("forward", "send")) {
    const packets = await packetsOf(new URL("output.pcap", recording.folder), ETH_HLEN);
    for (const [index, packet] of packets.entries()) {
      const { sa, result } = opening(packet, recording) ?? {};
      if (sa === undefined || result === undefined) continue;
      if (!result.opened) {
        throw new Error(`Cannot open packet ${index} of ${recording.scenario.name}: ${result.reason}`);
      }
      opened.push({ recording, packet, sa, result, index });
    }
  }
  return opened;
}

const SEALED = new Map<Opened, Uint8Array>();

/** What this folder makes of what was inside, with the recorded IV, sequence number and identification. */
function resealed(opened: Opened): Uint8Array {
  const known = SEALED.get(opened);
  if (known !== undefined) return known;
  const { packet, sa, result } = opened;
  const ivAt = ip.headerBytes(packet, 0) + sa.encapsulationBytes + ESP_HEADER_BYTES;
  const same = new WithRecordedIv(sa, packet.subarray(ivAt, ivAt + sa.ivBytes));
  const id = ip.version(packet, 0) === 4 ? ipv4.id(packet, 0) : 0;
  const sealed = sealEspPacket(result.inner, same, same.aead(ENGINES.noble), result.sequence, id);
  SEALED.set(opened, sealed);
  return sealed;
}

const HAS_RECORDINGS = ROOTS.every(isThere);
const OPENED = HAS_RECORDINGS ? await openedPackets() : [];
const MODELLED = OPENED.filter(({ recording }) => !isUnmodelled(recording.scenario));

/** What the recordings have of suites, modes and versions; of AES-192 there is none. */
const KINDS = [
  ...["aes-cbc-128-sha1", "aes-cbc-256-sha256", "aes-ccm-128", "aes-ccm-128-icv12", "aes-ccm-128-icv8"].flatMap(
    bothModes,
  ),
  ...["aes-ctr-128-sha256", "aes-gcm-128", "aes-gcm-128-icv12", "aes-gcm-128-icv8"].flatMap(bothModes),
  "aes-gcm-256 transport 4 in 4",
  "aes-gcm-256 transport 6 in 6",
  "aes-gcm-256 tunnel 4 in 4",
  "aes-gcm-256 tunnel 4 in 6",
  "aes-gcm-256 tunnel 6 in 4",
  "aes-gcm-256 tunnel 6 in 6",
  ...["aes-gmac-128", "chacha20-poly1305"].flatMap(bothModes),
  "null transport 4 in 4",
  "null tunnel 4 in 4",
  "null-sha256 tunnel 4 in 4",
  "null-sha256 tunnel 6 in 6",
];

function bothModes(suite: string): string[] {
  return ["transport", "tunnel"].map((mode) => `${suite} ${mode} 4 in 4`);
}

Deno.test({
  name: "openEspPacket() opens every ESP packet that the kernel sent, of all suites, modes and versions",
  ignore: !HAS_RECORDINGS,
  fn() {
    const kinds = new Set<string>();
    for (const { recording, packet, sa, result } of OPENED) {
      kinds.add(`${sa.suite.name} ${sa.mode} ${ip.version(result.inner, 0)} in ${ip.version(packet, 0)}`);
      if (recording.scenario.name.includes("tfcpad")) continue;
      assertEquals(ip.totalBytes(result.inner, 0), result.inner.length, recording.scenario.name);
    }
    assert(OPENED.length > 6500, `only ${OPENED.length} packets`);
    assertEquals([...kinds].toSorted(), KINDS);
  },
});

Deno.test({
  name: "sealEspPacket() makes of what was inside the packet that the kernel sent, to the byte",
  ignore: !HAS_RECORDINGS,
  fn() {
    for (const opened of MODELLED) {
      const { recording, packet, index } = opened;
      assertEquals(resealed(opened).toHex(), packet.toHex(), `${recording.scenario.name}, packet ${index}`);
    }
    assert(MODELLED.length > 6400, `only ${MODELLED.length} packets`);
  },
});

Deno.test({
  name: "lengths, trailers and outer headers are those of expected_wire.csv",
  ignore: !HAS_RECORDINGS,
  fn() {
    let compared = 0;
    for (const [{ folder, scenario }, packets] of Map.groupBy(MODELLED, ({ recording }) => recording)) {
      const file = new URL("expected_wire.csv", folder);
      if (!isThere(file)) continue;
      const rows = parse(Deno.readTextFileSync(file), { skipFirstRow: true });
      for (const opened of packets) {
        const row = rows[opened.index]!;
        const ours = wireRow(opened);
        const theirs = Object.fromEntries(Object.keys(ours).map((column) => [column, Number(row[column])]));
        assertEquals(ours, theirs, `${scenario.name}, row ${opened.index}`);
        compared++;
      }
    }
    assert(compared > 3000, `only ${compared} rows`);
  },
});

/** Columns of `expected_wire.csv` as this folder computes them from what was inside. */
function wireRow(opened: Opened): Record<string, number> {
  const { sa, result: { inner, sequence } } = opened;
  const packet = resealed(opened);
  const insertion = new EspInsertion();
  insertion.find(inner, 0, inner.length);
  const own = sa.mode === "tunnel" ? 0 : insertion.headersBytes;
  const clen = ciphertextBytes(inner.length - own, sa.blockBytes);
  const isIpv6 = ip.isIpv6(packet, 0);
  return {
    out_ver: ip.version(packet, 0),
    out_len: headerBytes(sa.mode, sa.outerVersion, sa.ivBytes, sa.encapsulationBytes) + own + clen + sa.icvBytes,
    out_tos: ip.dsField(packet, 0),
    out_ttl: ip.hopLimit(packet, 0),
    out_proto: ip.protocol(packet, 0),
    out_df: !isIpv6 && ip.dontFragment(packet, 0) ? 1 : 0,
    out_flowlabel: isIpv6 ? ipv6.flowLabel(packet, 0) : 0,
    spi: sa.spi,
    seq: sequence % 2 ** 32,
    ...(sa.esn ? { seq_hi: sequenceHigh(sequence) } : {}),
    ...(sa.encapsulation === null ? {} : udpColumns(packet)),
    esp_len: ESP_HEADER_BYTES + sa.ivBytes + clen + sa.icvBytes,
    clen,
    padlen: padAndTrailerBytes(inner.length - own, sa.blockBytes) - ESP_TRAILER_BYTES,
    next_header: sa.mode === "tunnel" ? tunnelNextHeader(inner, 0) : insertion.nextHeader,
  };
}

/** Columns of the UDP header. */
function udpColumns(packet: Uint8Array): Record<string, number> {
  const at = ip.headerBytes(packet, 0);
  return { udp_len: udp.length(packet, at), udp_csum: udp.checksum(packet, at) };
}

Deno.test({
  name: "openEspPacket() finds in the packets that the kernel received what was sealed, and the ICVs that it refused",
  ignore: !HAS_RECORDINGS,
  async fn() {
    let compared = 0;
    for (const recording of recordings("receive")) {
      const { folder, scenario } = recording;
      const opened = new Map<number, string>();
      const refused: string[] = [];
      for (const packet of await packetsOf(new URL("input.pcap", folder), ETH_HLEN)) {
        const result = opening(packet, recording)?.result;
        if (result?.opened) opened.set(result.sequence, result.inner.toHex());
        else if (result !== undefined) refused.push(result.reason);
      }
      const isDamaged = scenario.name.endsWith("-badicv");
      assertEquals(refused, isDamaged ? ["icv", "icv"] : [], scenario.name);
      if (isDamaged) continue;
      const inside = (await packetsOf(new URL("inner.pcap", folder), 0)).map((packet) => packet.toHex());
      const bySequence = [...opened].toSorted(([a], [b]) => a - b).map(([, inner]) => inner);
      assertEquals(bySequence, inside, scenario.name);
      compared += inside.length;
    }
    assert(compared > 2000, `only ${compared} packets`);
  },
});
