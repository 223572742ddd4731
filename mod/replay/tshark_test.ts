/** A second implementation as judge: tshark decrypts what we write, and finds in it what was captured. */

import { assertEquals } from "@std/assert";
import { LINKTYPE_ETHERNET, PcapWriter } from "../capture/mod.ts";
import { PRESETS } from "../config/presets.ts";
import { saTableLine } from "../esp/sa_table.ts";
import { testSecurityAssociation } from "../esp/sa.ts";
import { inputOf, runOf } from "./testing.ts";
import { canRun } from "../capture/testing_tools.ts";

const FIXTURE = new URL("../../fixtures/bulk-tcp-ipv4.pcap", import.meta.url);
const HAS_TSHARK = canRun("tshark");

/** Runs tshark over a file and returns its lines; only the last (innermost) occurrence of each field. */
function tsharkFields(path: string, fields: readonly string[], options: readonly string[]): string[] {
  const args = ["-r", path, "-n", "-T", "fields", "-E", "occurrence=l", ...fields.flatMap((field) => ["-e", field])];
  const plain = ["tcp.desegment_tcp_streams:FALSE", "tcp.analyze_sequence_numbers:FALSE"];
  const settings = [...plain, ...options].flatMap((option) => ["-o", option]);
  const { stdout } = new Deno.Command("tshark", { args: [...args, ...settings], stderr: "null" }).outputSync();
  return new TextDecoder().decode(stdout).trimEnd().split("\n");
}

/** What a packet carries, addresses and ids included. */
const INNER_FIELDS = [
  "ip.src",
  "ip.dst",
  "ip.id",
  "tcp.seq_raw",
  "tcp.ack_raw",
  "tcp.flags",
  "tcp.options",
  "tcp.payload",
];

/** GRO may let one direction overtake the other; within a direction every packet keeps its place. */
function byDirection(lines: readonly string[]): Record<string, string[]> {
  const directions: Record<string, string[]> = {};
  for (const line of lines) (directions[line.split("\t")[0]!] ??= []).push(line);
  return directions;
}

for (const preset of Object.keys(PRESETS)) {
  for (const sets of preset.startsWith("nocopy") ? [[], ["tx_dst=new-page"]] : [[]]) {
    const name = [preset, ...sets].join(" ");
    Deno.test({
      name: `tshark decrypts every ESP packet of the bulk fixture, ICV good, stream equal (${name})`,
      ignore: !HAS_TSHARK,
      fn: async () => {
        const input = await Deno.readFile(FIXTURE);
        const { run, sent } = await runOf(inputOf(input), preset, sets, { check: false });
        const path = await Deno.makeTempFile({ suffix: ".pcap" });
        try {
          await writeSent(path, sent, run.t0EpochNs!);
          const options = [
            "esp.enable_encryption_decode:TRUE",
            "esp.enable_authentication_check:TRUE",
            `uat:esp_sa:${saTableLine(testSecurityAssociation(1))}`,
          ];
          const verdicts = tsharkFields(path, ["esp.icv_good"], options);
          assertEquals(verdicts, Array(sent.length).fill("1"));
          const inside = byDirection(tsharkFields(path, INNER_FIELDS, options));
          assertEquals(inside, byDirection(tsharkFields(FIXTURE.pathname, INNER_FIELDS, [])));
        } finally {
          await Deno.remove(path);
        }
      },
    });
  }
}

async function writeSent(path: string, sent: readonly { tNs: number; bytes: Uint8Array }[], t0: bigint): Promise<void> {
  using file = await Deno.open(path, { write: true, truncate: true });
  const writer = new PcapWriter(
    (bytes) => {
      for (let done = 0; done < bytes.length;) done += file.writeSync(bytes.subarray(done));
    },
    LINKTYPE_ETHERNET,
    t0,
  );
  for (const { tNs, bytes } of sent) writer.write(tNs, bytes, 0, bytes.length);
  writer.flush();
}
