/**
 * Every real capture of the shared corpus goes through the path: all packets opened again, all laws held, or refused with
 * a reason. Skipped where the folder is not.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { inspectCapture } from "../capture/inspection.ts";
import { sourceOfBytes } from "../capture/mod.ts";
import { PRESETS } from "../config/presets.ts";
import { resolveConfig } from "../config/resolve.ts";
import { PROFILES } from "../cost/profiles.ts";
import { inputOf } from "./testing.ts";
import { replay, type Run, UnplayableError } from "./run.ts";

const CORPUS = new URL("../../../shared/captures/real/", import.meta.url);

/** Captures of which nothing gets through: super-packets above the MTU, and IP header checksums that were not captured. */
const NOTHING_SENT: ReadonlySet<string> = new Set([
  "bigtcp-ipv4-iplen0.pcap",
  "bigtcp-ipv6-hbh-jumbo.pcap",
  "nanosecond-snaplen64.pcap",
  "null-loopback-bigendian-snmp.pcap",
]);

/** The kinds of SA take turns; nothing is encrypted, which others test, and nothing is dropped for its size. */
function setsOf(index: number): string[] {
  return ["oversize=grow", "engine=skip", ...ASSOCIATIONS[index % ASSOCIATIONS.length]!];
}

function corpusFiles(): string[] {
  try {
    return [...Deno.readDirSync(CORPUS)].map((entry) => entry.name).toSorted();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

const ASSOCIATIONS = [[], ["ip=6"], ["mode=transport"], ["cipher=null-sha256"], ["ip=6", "cipher=null"]];

const files = corpusFiles();

Deno.test({ name: "the corpus has captures to replay", ignore: files.length === 0 }, () => {
  assertEquals(files.length > 35, true);
});

for (const file of files) {
  Deno.test(`path forward plays ${file} with nothing lost on the way, or refuses it as inspect says`, async () => {
    const bytes = await Deno.readFile(new URL(file, CORPUS));
    const { paths } = await inspectCapture(sourceOfBytes(bytes), file);
    const { playable } = paths.find(({ path }) => path === "forward")!;
    for (const [i, preset] of Object.keys(PRESETS).entries()) {
      const resolved = resolveConfig({ preset, sets: setsOf(i) });
      const request = { input: inputOf(bytes, file), resolved, profile: PROFILES.get("published")!, check: true };
      const run: Run | UnplayableError = await replay(request).catch((error) => {
        if (error instanceof UnplayableError) return error;
        throw error;
      });
      assertEquals(run instanceof UnplayableError, !playable, String(run));
      if (run instanceof UnplayableError) continue;
      assertEquals([run.failures, run.delivery.frames > 0], [[], !NOTHING_SENT.has(file)]);
    }
  });
}
