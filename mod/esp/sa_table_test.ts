import { assertEquals } from "@std/assert";
import { ENGINES } from "../crypto/engines.ts";
import { set16, set32 } from "../wire/bytes.ts";
import * as ipv4 from "../wire/ipv4.ts";
import * as udp from "../wire/udp.ts";
import { saTable, saTableLine } from "./sa_table.ts";
import { SecurityAssociation, TEST_KEY, TEST_SALT, testSecurityAssociation } from "./sa.ts";
import { sealTunnelPacket } from "./tunnel_packet.ts";
import { canRun } from "../capture/testing_tools.ts";

Deno.test("saTableLine() writes eight quoted fields, key and salt together", () => {
  assertEquals(
    saTableLine(testSecurityAssociation(1)),
    '"IPv4","198.18.0.1","198.18.0.2","0x00001001","AES-GCM with 16 octet ICV [RFC4106]",' +
      '"0x000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1fa0a1a2a3","NULL",""',
  );
});

Deno.test("saTable() writes one line per association behind a comment", () => {
  const sa = testSecurityAssociation(1);
  const lines = saTable([sa, sa]).split("\n");
  assertEquals(lines.length, 4);
  assertEquals(lines[0]!.startsWith("# "), true);
  assertEquals(lines.slice(1), [saTableLine(sa), saTableLine(sa), ""]);
});

/** The trailer in hex behind 0, 1, 2, 3 bytes modulo 4. */
const TRAILERS = ["01020204", "010104", "0004", "0102030304"];

/** A UDP datagram over IPv4 with `payloadBytes` bytes of payload and no UDP checksum. */
function datagram(payloadBytes: number): Uint8Array {
  const inner = new Uint8Array(28 + payloadBytes).fill(0x61);
  inner.fill(0, 0, 28);
  inner[0] = 0x45;
  inner[ipv4.OFFSET_TTL] = 63;
  inner[ipv4.OFFSET_PROTOCOL] = 17;
  ipv4.setTotalLength(inner, 0, inner.length);
  ipv4.setSource(inner, 0, 0xc6336401);
  ipv4.setDestination(inner, 0, 0xcb007101);
  ipv4.writeHeaderChecksum(inner, 0);
  set16(inner, 20, 5000 + payloadBytes);
  set16(inner, 22, 9);
  udp.setLength(inner, 20, 8 + payloadBytes);
  return inner;
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

/** What tshark prints of these packets with this table as its file `esp_sa`: one line of fields per packet. */
function dissected(packets: readonly Uint8Array[], table: string): string[] {
  const folder = Deno.makeTempDirSync();
  try {
    Deno.writeTextFileSync(`${folder}/esp_sa`, table);
    Deno.writeFileSync(`${folder}/esp.pcap`, pcap(packets));
    const fields = ["ip.src", "udp.srcport", "esp.sequence", "esp.iv", "esp.contained_data", "esp.decrypted_data"];
    const { stdout } = new Deno.Command("tshark", {
      args: [
        ...["-r", `${folder}/esp.pcap`, "-T", "fields", ...fields.flatMap((field) => ["-e", field])],
        ...["-o", "esp.enable_encryption_decode:TRUE"],
      ],
      env: { WIRESHARK_CONFIG_DIR: folder },
      stderr: "null",
    }).outputSync();
    return new TextDecoder().decode(stdout).trimEnd().split("\n");
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

Deno.test({
  name: "saTable(): tshark decrypts packets of every padding and every key length with the table",
  ignore: !canRun("tshark"),
  fn() {
    const associations = [16, 24, 32].map((keyBytes) =>
      new SecurityAssociation({
        spi: 0x2000 + keyBytes,
        key: TEST_KEY.subarray(0, keyBytes),
        salt: TEST_SALT,
        mode: "tunnel",
        source: 0xc0000201,
        destination: 0xc0000202,
        seed: 3,
      })
    );
    const packets: Uint8Array[] = [];
    const expected: string[] = [];
    for (const sa of associations) {
      const aead = sa.aead(ENGINES.noble);
      for (const payloadBytes of [1, 2, 3, 4, 1400]) {
        const inner = datagram(payloadBytes);
        const sequence = sa.nextSequence();
        packets.push(sealTunnelPacket(inner, sa, aead, sequence, 0));
        const clear = inner.toHex() + TRAILERS[inner.length % 4];
        const fields = ["192.0.2.1,198.51.100.1", 5000 + payloadBytes, sequence, sa.ivFor(sequence).toHex()];
        expected.push([...fields, inner.toHex(), clear].join("\t"));
      }
    }
    assertEquals(dissected(packets, saTable(associations)), expected);
  },
});
