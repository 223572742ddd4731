import { assert, assertEquals, assertThrows } from "@std/assert";
import { parse } from "@std/csv";
import { CapturePacket, openCapture } from "../capture/mod.ts";
import { sourceOfBytes } from "../capture/byte_source.ts";
import { ENGINES, fastestEngine } from "../crypto/engines.ts";
import { FrameFacts } from "../wire/frame_facts.ts";
import { PROTOCOL_UDP } from "../wire/ip_protocol.ts";
import * as ipv4 from "../wire/ipv4.ts";
import { espOffsetOf, sealEspPacket } from "./esp_packet.ts";
import { testSecurityAssociation } from "./sa.ts";
import { outboundAssociation, SaDirectory } from "./sa_directory.ts";
import { SaFileError } from "./sa_entry.ts";
import { parseSaFile } from "./sa_file.ts";
import { saTable } from "./sa_table.ts";
import { openEsp } from "./seal.ts";

const CAPTURES = new URL("../../../shared/captures/", import.meta.url);
const OPTIONS = { seed: 1, windowSize: 64 };
const FILES = ["esp-natt-gcm-ctr-cbc.pcapng", "esp-transport-v4v6.pcap", "esp-tunnel-aes256cbc.pcap"];

function isThere(): boolean {
  try {
    return Deno.statSync(new URL("esp_sa/EXPECTED.csv", CAPTURES)).isFile;
  } catch {
    return false;
  }
}

function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  return crypto.subtle.digest("SHA-256", bytes).then((digest) => new Uint8Array(digest).toHex());
}

/** What EXPECTED.csv has for each frame, by its number. */
function expectedOf(file: string): Map<number, Record<string, string>> {
  const text = Deno.readTextFileSync(new URL("esp_sa/EXPECTED.csv", CAPTURES));
  const rows = parse(text, { skipFirstRow: true }).filter((row) => row["file"] === `real/${file}`);
  return new Map(rows.map((row) => [Number(row["frame"]), row]));
}

for (const file of FILES) {
  Deno.test({
    name: `SaDirectory opens every packet of ${file} to the plaintext that tshark found, and refuses it changed`,
    ignore: !isThere(),
    async fn() {
      const expected = expectedOf(file);
      const table = Deno.readTextFileSync(new URL(`esp_sa/${file.replace(/\.\w+$/, "")}.esp_sa`, CAPTURES));
      const directory = new SaDirectory(parseSaFile(table, file), ENGINES[fastestEngine()], OPTIONS);
      const reader = await openCapture(sourceOfBytes(Deno.readFileSync(new URL(`real/${file}`, CAPTURES))), file);
      const [packet, facts] = [new CapturePacket(), new FrameFacts()];
      let opened = 0;
      while (await reader.fill()) {
        while (reader.next(packet)) {
          const row = expected.get(packet.index + 1);
          if (row === undefined) continue;
          facts.read(packet.bytes, packet.offset, packet.capturedBytes, packet.originalBytes, packet.linkType);
          const ip = packet.bytes.slice(facts.ipAt, facts.ipAt + facts.ipBytes);
          const { sourcePort, destinationPort } = facts;
          const encapsulation = facts.protocol === PROTOCOL_UDP ? { sourcePort, destinationPort } : null;
          await judge(directory, ip, encapsulation, row);
          opened += 1;
        }
      }
      assert(opened > 0);
      assertEquals(opened, expected.size);
    },
  });
}

/** Opens one packet, and one with a bit flipped. */
async function judge(
  directory: SaDirectory,
  packet: Uint8Array,
  encapsulation: { sourcePort: number; destinationPort: number } | null,
  row: Record<string, string>,
): Promise<void> {
  const opener = directory.openerOf(packet, encapsulation);
  assert(opener !== undefined, `frame ${row["frame"]}`);
  const { sa, aead } = opener;
  const result = opener.open(packet);
  assertEquals([result.opened, sa.spi], [true, Number(row["spi"])], `frame ${row["frame"]}`);
  assertEquals(result.opened && [result.sequence, result.padBytes, result.nextHeader], [
    Number(row["sequence"]),
    Number(row["pad_len"]),
    Number(row["next_header"]),
  ]);
  const esp = packet.slice(espOffsetOf(packet, encapsulation)!);
  const changed = esp.slice();
  assert(openEsp(sa, aead, esp, 0, esp.length));
  const clear = esp.slice(8 + sa.ivBytes, esp.length - sa.icvBytes);
  assertEquals(String(clear.length), row["decrypted_bytes(incl_padding_and_trailer)"]);
  assertEquals(await sha256(clear), row["decrypted_sha256"]);
  // What has an ICV at all has a good one in these captures.
  assertEquals(row["icv_good"], sa.icvBytes > 0 ? "1" : "");
  changed[8 + sa.ivBytes]! ^= 1;
  assertEquals(openEsp(sa, aead, changed, 0, changed.length), sa.icvBytes === 0);
}

const INNER = new Uint8Array(40);
INNER.set([0x45, 0, 0, 40, 0, 0, 0, 0, 64, 17]);
ipv4.writeHeaderChecksum(INNER, 0);

Deno.test("SaDirectory makes one association for each pair of addresses that wildcards let through", () => {
  const sa = testSecurityAssociation({ seed: 1 });
  const table = saTable([sa]).replace("198.18.0.1", "198.18.0.*");
  const directory = new SaDirectory(parseSaFile(table, "file"), ENGINES.noble, OPTIONS);
  const packet = sealEspPacket(INNER, sa, sa.aead(ENGINES.noble), 1, 0);
  const opener = directory.openerOf(packet, null);
  assertEquals([opener!.sa.mode, directory.table.all.length], ["tunnel", 1]);
  assert(directory.openerOf(packet, null) === opener);
  assertEquals(
    directory.openerOf(
      sealEspPacket(INNER, testSecurityAssociation({ seed: 1, isReverse: true }), sa.aead(ENGINES.noble), 1, 0),
      null,
    ),
    undefined,
  );
});

Deno.test("SaDirectory learns the mode from the first packet that opens, and makes nothing of SPI 0", () => {
  const sa = testSecurityAssociation({ seed: 1, mode: "transport" });
  const packet = sealEspPacket(INNER, sa, sa.aead(ENGINES.noble), 1, 0);
  const directory = new SaDirectory(parseSaFile(saTable([sa]), "file"), ENGINES.noble, OPTIONS);
  const damaged = packet.slice();
  damaged[30]! ^= 1;
  assertEquals(directory.openerOf(damaged, null)!.sa.mode, "tunnel");
  assertEquals(directory.openerOf(packet, null)!.open(packet).opened, true);
  assertEquals(directory.openerOf(damaged, null)!.sa.mode, "transport");
  assertEquals(directory.table.all.length, 1);
  packet.fill(0, 20, 24);
  const any = saTable([sa]).replaceAll("0x00001001", "*");
  assertEquals(new SaDirectory(parseSaFile(any, "file"), ENGINES.noble, OPTIONS).openerOf(packet, null), undefined);
});

Deno.test("SaDirectory gives each association the replay window of its entry, where nobody has chosen another", () => {
  const sa = testSecurityAssociation({ seed: 1 });
  const packet = sealEspPacket(INNER, sa, sa.aead(ENGINES.noble), 1, 0);
  const [entry] = parseSaFile(saTable([sa]), "file");
  const sizeOf = (replayWindow: number | undefined, isWindowChosen: boolean) => {
    const options = { ...OPTIONS, windowSize: 64, isWindowChosen };
    const directory = new SaDirectory([{ ...entry!, replayWindow }], ENGINES.noble, options);
    directory.openerOf(packet, null);
    return directory.table.all.map(({ window }) => window.size);
  };
  assertEquals([sizeOf(128, false), sizeOf(0, false), sizeOf(undefined, false)], [[128], [0], [64]]);
  assertEquals([sizeOf(128, true), sizeOf(0, true), sizeOf(undefined, true)], [[64], [64], [64]]);
});

Deno.test("outboundAssociation() refuses an entry that leaves open what a sender must know", () => {
  const table = (line: string) => parseSaFile(line, "file");
  const null4 = (addresses: string, spi: string) => table(`"IPv4",${addresses},"${spi}","NULL","","NULL",""`);
  const refused = (entries: ReturnType<typeof table>, why: string) => {
    assertThrows(() => outboundAssociation(entries, 1, "tunnel"), SaFileError, why);
  };
  refused(null4('"1.2.3.4","1.2.3.5"', "*"), "it takes more than one SPI, line 1");
  refused(null4('"*","1.2.3.5"', "256"), "more than one source");
  refused(null4('"1.2.3.4","1.2.3.0/24"', "256"), "more than one destination");
  refused(table('"IPv4","*","*","256","DES-CBC [RFC2405]","descbcte","NULL",""'), "des-cbc is only opened");
  assertEquals(outboundAssociation(null4('"*","*"', "256"), 1, "transport").mode, "transport");
});
