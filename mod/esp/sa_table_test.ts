import { assertEquals } from "@std/assert";
import { canRun } from "../capture/testing_tools.ts";
import { ENGINES } from "../crypto/engines.ts";
import { set16, set32 } from "../wire/bytes.ts";
import * as ip from "../wire/ip.ts";
import * as ipv4 from "../wire/ipv4.ts";
import * as udp from "../wire/udp.ts";
import { type IpVersion, padAndTrailerBytes } from "./arithmetic.ts";
import { sealEspPacket } from "./esp_packet.ts";
import { saTable, saTableLines } from "./sa_table.ts";
import { SecurityAssociation, testSecurityAssociation } from "./sa.ts";
import { everyAssociation } from "./testing.ts";

Deno.test("saTableLines() writes eight quoted fields, key and salt together", () => {
  assertEquals(saTableLines(testSecurityAssociation({ seed: 1 })), [
    '"IPv4","198.18.0.1","198.18.0.2","0x00001001","AES-GCM with 16 octet ICV [RFC4106]",' +
    '"0x000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1fa0a1a2a3","NULL",""',
  ]);
});

Deno.test("saTableLines() writes IPv6 addresses, the key of the HMAC, and no key for ESP-NULL", () => {
  assertEquals(saTableLines(testSecurityAssociation({ seed: 1, cipher: "null-sha256", ip: 6 })), [
    '"IPv6","2001:2::1","2001:2::2","0x00001001","NULL","","HMAC-SHA-256-128 [RFC4868]",' +
    '"0x404142434445464748494a4b4c4d4e4f505152535455565758595a5b5c5d5e5f"',
  ]);
  assertEquals(saTableLines(testSecurityAssociation({ seed: 1, cipher: "null" })), [
    '"IPv4","198.18.0.1","198.18.0.2","0x00001001","NULL","","NULL",""',
  ]);
});

Deno.test("saTableLines() of transport mode has a line for each IP version, with any address", () => {
  const lines = saTableLines(testSecurityAssociation({ seed: 1, cipher: "null", mode: "transport" }));
  assertEquals(lines, [
    '"IPv4","*","*","0x00001001","NULL","","NULL",""',
    '"IPv6","*","*","0x00001001","NULL","","NULL",""',
  ]);
});

Deno.test("saTable() writes the lines of each association behind a comment", () => {
  const sa = testSecurityAssociation({ seed: 1 });
  const other = testSecurityAssociation({ seed: 1, mode: "transport" });
  const lines = saTable([sa, other]).split("\n");
  assertEquals(lines[0]!.startsWith("# "), true);
  assertEquals(lines.slice(1), [...saTableLines(sa), ...saTableLines(other), ""]);
});

/** A UDP datagram with `payloadBytes` bytes of payload and source port 50000 + that; over IPv4 without UDP checksum. */
function datagram(version: IpVersion, payloadBytes: number): Uint8Array {
  const headerBytes = version === 6 ? 40 : 20;
  const packet = new Uint8Array(headerBytes + 8 + payloadBytes).fill(0x61);
  packet.fill(0, 0, headerBytes + 8);
  if (version === 6) {
    packet.set([0x60, 0, 0, 0, 0, 0, 17, 63, 0x20, 0x01, 0x0d, 0xb8]);
    packet[23] = 1;
    packet.set([0x20, 0x01, 0x0d, 0xb8, 0, 1], 24);
  } else {
    packet.set([0x45, 0, 0, 0, 0, 0, 0, 0, 63, 17, 0, 0, 198, 51, 100, 1, 203, 0, 113, 1]);
  }
  ip.setTotalBytes(packet, 0, packet.length);
  if (version === 4) ipv4.writeHeaderChecksum(packet, 0);
  set16(packet, headerBytes, 50000 + payloadBytes);
  set16(packet, headerBytes + 2, 9);
  udp.setLength(packet, headerBytes, 8 + payloadBytes);
  return packet;
}

/** A pcap file of raw IP packets. */
function pcap(packets: readonly Uint8Array[]): Uint8Array {
  const LINKTYPE_RAW = 101;
  const file = new Uint8Array(packets.reduce((bytes, packet) => bytes + 16 + packet.length, 24));
  set32(file, 0, 0xa1b2c3d4);
  set32(file, 4, 0x00020004);
  set32(file, 16, 262144);
  set32(file, 20, LINKTYPE_RAW);
  let at = 24;
  for (const packet of packets) {
    set32(file, at + 8, packet.length);
    set32(file, at + 12, packet.length);
    file.set(packet, at + 16);
    at += 16 + packet.length;
  }
  return file;
}

/** The last two are the protected bytes without and with padding, pad length and next header. */
const FIELDS = [
  "udp.srcport",
  "esp.sequence",
  "esp.iv",
  "esp.icv_good",
  "esp.icv_bad",
  "esp.contained_data",
  "esp.decrypted_data",
];

/** What tshark prints of these packets with this table as its file `esp_sa`: one line of fields per packet. */
function dissected(packets: readonly Uint8Array[], table: string): string[] {
  const folder = Deno.makeTempDirSync();
  try {
    Deno.writeTextFileSync(`${folder}/esp_sa`, table);
    Deno.writeFileSync(`${folder}/esp.pcap`, pcap(packets));
    const options = ["esp.enable_encryption_decode:TRUE", "esp.enable_authentication_check:TRUE"];
    const { stdout } = new Deno.Command("tshark", {
      args: [
        ...["-r", `${folder}/esp.pcap`, "-n", "-T", "fields", "-E", "occurrence=l"],
        ...FIELDS.flatMap((field) => ["-e", field]),
        ...options.flatMap((option) => ["-o", option]),
      ],
      env: { WIRESHARK_CONFIG_DIR: folder },
      stderr: "null",
    }).outputSync();
    return new TextDecoder().decode(stdout).trimEnd().split("\n");
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

/** The fields that tshark must print of `packet` under `sa`: the trailer counts as decrypted, not as contained. */
function expectedFields(packet: Uint8Array, sa: SecurityAssociation, sequence: number): (string | number)[] {
  const own = sa.mode === "tunnel" ? 0 : ip.headerBytes(packet, 0);
  const inside = packet.subarray(own);
  const padBytes = padAndTrailerBytes(inside.length, sa.blockBytes) - 2;
  const nextHeader = sa.mode === "transport" ? 17 : ip.version(packet, 0) === 6 ? 41 : 4;
  const trailer = Uint8Array.of(...Array.from({ length: padBytes }, (_, i) => i + 1), padBytes, nextHeader);
  const port = 50000 + packet.length - ip.headerBytes(packet, 0) - 8;
  const verdict = sa.icvBytes === 0 ? ["", ""] : sa.esn ? [0, 1] : [1, 0];
  return [port, sequence, sa.ivFor(sequence).toHex(), ...verdict, inside.toHex(), inside.toHex() + trailer.toHex()];
}

/** Every kind of association, each with an SPI of its own, so that one capture can hold the packets of all. */
function associations(): SecurityAssociation[] {
  return everyAssociation().filter(({ sa }) => isKnownToTshark(sa)).map(({ sa }, i) => {
    return new SecurityAssociation({ ...sa, cipher: sa.suite.name, spi: 0x2000 + i, seed: 3 });
  });
}

let known: ReadonlySet<string> | null = null;

/** Whether the tshark that is here takes the line of a suite. */
function isKnownToTshark(sa: SecurityAssociation): boolean {
  const bySuite = new Map(everyAssociation().filter(({ sa }) => namesSuite(sa)).map(({ sa }) => [sa.suite.name, sa]));
  if (known === null) {
    // Old versions do not know the youngest suites, which would have all the others asked for half by half.
    const [young, old] = [/^chacha20/, /^(?!chacha20)/].map((names) => {
      return [...bySuite.values()].filter(({ suite }) => names.test(suite.name));
    });
    known = new Set([...takenOf(old!), ...takenOf(young!)].map(({ suite }) => suite.name));
  }
  return known.has(sa.suite.name);
}

/** Those whose lines tshark takes: all at once if it takes all, else half by half. */
function takenOf(associations: readonly SecurityAssociation[]): readonly SecurityAssociation[] {
  if (associations.length === 0 || tsharkTakes(saTable(associations))) return associations;
  if (associations.length === 1) return [];
  const half = associations.length >> 1;
  return [...takenOf(associations.slice(0, half)), ...takenOf(associations.slice(half))];
}

function namesSuite(sa: SecurityAssociation): boolean {
  return saTableLines(sa).some((line) => line.startsWith('"'));
}

function tsharkTakes(table: string): boolean {
  const folder = Deno.makeTempDirSync();
  try {
    Deno.writeTextFileSync(`${folder}/esp_sa`, table);
    Deno.writeFileSync(`${folder}/esp.pcap`, pcap([]));
    const env = { WIRESHARK_CONFIG_DIR: folder };
    const { stderr } = new Deno.Command("tshark", { args: ["-r", `${folder}/esp.pcap`], env }).outputSync();
    return !new TextDecoder().decode(stderr).includes("invalid value");
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

Deno.test("saTableLines() has a line for every suite but AES-CCM and AES-GMAC, which get a comment", () => {
  for (const { sa } of everyAssociation()) {
    assertEquals(namesSuite(sa), !/aes-(ccm|gmac)/.test(sa.suite.name), sa.suite.name);
    if (!namesSuite(sa)) {
      assertEquals(saTableLines(sa).map((line) => line.slice(0, 34)), [
        "# Wireshark has no name for aes-" + sa.suite.name.slice(4, 6),
      ]);
    }
  }
});

Deno.test({
  name: "saTable(): tshark takes the lines of AES-GCM, AES-CBC, AES-CTR and NULL with each HMAC",
  ignore: !canRun("tshark"),
  fn() {
    const unknown = everyAssociation().map(({ sa }) => sa).filter((sa) => !isKnownToTshark(sa));
    const others = unknown.filter((sa) => !/aes-(ccm|gmac)|chacha20/.test(sa.suite.name));
    assertEquals(others.map((sa) => sa.suite.name), []);
  },
});

Deno.test({
  name: "saTable(): tshark decrypts packets of every suite, mode, outer and inner version, ICV good",
  ignore: !canRun("tshark"),
  fn() {
    const packets: Uint8Array[] = [];
    const expected: string[] = [];
    const all = associations();
    for (const sa of all) {
      const aead = sa.aead(ENGINES.noble);
      for (const version of [4, 6] as const) {
        for (const payloadBytes of [1, 2, 3, 4, 1400]) {
          const inner = datagram(version, payloadBytes);
          const sequence = sa.nextSequence();
          packets.push(sealEspPacket(inner, sa, aead, sequence, 0));
          expected.push(expectedFields(inner, sa, sequence).join("\t"));
        }
      }
    }
    assertEquals(dissected(packets, saTable(all)), expected);
  },
});

Deno.test({
  name: "saTable(): tshark finds one wrong bit of the ICV in packets of every suite that has one",
  ignore: !canRun("tshark"),
  fn() {
    const all = associations().filter(({ icvBytes, esn }) => icvBytes > 0 && !esn);
    const packets = all.map((sa) => {
      const packet = sealEspPacket(datagram(4, 100), sa, sa.aead(ENGINES.noble), 1, 0);
      packet[packet.length - 1]! ^= 0x80;
      return packet;
    });
    const verdicts = dissected(packets, saTable(all)).map((line) => line.split("\t").slice(3, 5).join(" "));
    assertEquals(verdicts, all.map(() => "0 1"));
  },
});
