/** What tshark says of the frames that a run of a test has sent. */

import { LINKTYPE_ETHERNET, PcapWriter } from "../capture/mod.ts";
import { saTableLines } from "../esp/sa_table.ts";
import type { TestRun } from "./testing.ts";

/** Writes what was sent as a capture. */
export function writeFrames(path: string, { sent }: TestRun): void {
  using file = Deno.openSync(path, { write: true, create: true, truncate: true });
  const writer = new PcapWriter(
    (bytes) => {
      for (let done = 0; done < bytes.length;) done += file.writeSync(bytes.subarray(done));
    },
    LINKTYPE_ETHERNET,
    0n,
  );
  for (const { tNs, bytes } of sent) writer.write(tNs, bytes, 0, bytes.length);
  writer.flush();
}

/** The given fields of each frame of the capture at `path`, the innermost of each, decrypted under the SAs of the run. */
export function judgement(path: string, { run }: TestRun, names: readonly string[]): string[][] {
  const settings = [
    "esp.enable_encryption_decode:TRUE",
    "esp.enable_authentication_check:TRUE",
    "tcp.check_checksum:TRUE",
    "ip.check_checksum:TRUE",
    ...[run.sa, run.reverseSa].flatMap((sa) => sa === undefined ? [] : saTableLines(sa)).map((line) =>
      `uat:esp_sa:${line}`
    ),
  ];
  const fields = names.flatMap((field) => ["-e", field]);
  const args = [
    "-r",
    path,
    "-n",
    "-T",
    "fields",
    "-E",
    "occurrence=l",
    ...fields,
    ...settings.flatMap((set) => ["-o", set]),
  ];
  const { stdout } = new Deno.Command("tshark", { args, stderr: "null" }).outputSync();
  return new TextDecoder().decode(stdout).replace(/\n$/, "").split("\n").map((line) => line.split("\t"));
}
