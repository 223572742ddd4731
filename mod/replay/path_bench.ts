/**
 * Speed of whole runs over the bulk fixture, in memory: reading alone, the path without encryption, the path with it.
 *
 * One iteration is one run of 4770 packets; divide. `engine=skip` against reading shows what the model costs, noble
 * against skip what encryption costs.
 */

import { CapturePacket, openCapture, sourceOfBytes } from "../capture/mod.ts";
import { resolveConfig } from "../config/resolve.ts";
import { PROFILES } from "../cost/profiles.ts";
import { replay } from "./run.ts";

const FIXTURE = Deno.readFileSync(new URL("../../fixtures/bulk-tcp-ipv4.pcap", import.meta.url));
const PACKETS = 4770;

Deno.bench({
  name: "read 4770 packets",
  group: "fixture",
  baseline: true,
  fn: async () => {
    const reader = await openCapture(sourceOfBytes(FIXTURE), "fixture");
    const packet = new CapturePacket();
    let packets = 0;
    while (await reader.fill()) while (reader.next(packet)) packets += 1;
    if (packets !== PACKETS) throw new Error(`Cannot trust this bench: ${packets} packets were read`);
  },
});

for (const preset of ["baseline", "nocopy", "nocopy-gro"]) {
  for (const engine of ["skip", "noble"]) {
    const resolved = resolveConfig({ preset, sets: [`engine=${engine}`] });
    Deno.bench({
      name: `replay 4770 packets, ${preset}, engine=${engine}`,
      group: "fixture",
      fn: async () => {
        const input = {
          name: "fixture",
          open: () => Promise.resolve({ ...sourceOfBytes(FIXTURE), close: () => {} }),
        };
        const run = await replay({ input, resolved, profile: PROFILES.get("published")! });
        if (run.delivery.frames !== PACKETS) throw new Error("Cannot trust this bench: frames are missing");
      },
    });
  }
}
