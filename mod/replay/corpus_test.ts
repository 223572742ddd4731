/**
 * Every capture of the shared corpus goes through every path under every preset: all laws held, all that was sealed for us
 * opened again, or refused with a reason, as `inspect` says. Skipped where the folder is not.
 *
 * Of long captures the beginning is played, of presets that are the same on a path one, and bytes are encrypted only where
 * somebody decrypts what was captured. The complete matrix (whole captures, every kind of SA, really encrypted) runs with
 * `TAILBITS_CORPUS=complete`.
 *
 * @module
 */

import { assertEquals, assertMatch } from "@std/assert";
import { inspectCapture } from "../capture/inspection.ts";
import { CaptureError, sourceOfBytes } from "../capture/mod.ts";
import { PRESETS } from "../config/presets.ts";
import { whyIdle } from "../config/idle.ts";
import { resolveConfig } from "../config/resolve.ts";
import { type Config, KEY_NAMES, type KeyName } from "../config/schema.ts";
import { PROFILES } from "../cost/profiles.ts";
import { REASON } from "../ledger/schema.ts";
import { replay, type Run, UnplayableError } from "./run.ts";
import { inputOf } from "./testing.ts";

const CORPUS = new URL("../../../shared/captures/", import.meta.url);
const IS_COMPLETE = Deno.env.get("TAILBITS_CORPUS") === "complete";
/** As much of a capture is played. */
const PLAYED_BYTES = IS_COMPLETE ? Infinity : 90_000;

/** Enough for the longest packet. */
const WINDOW_BYTES = 1 << 19;

/** The kinds of SA, which take turns; and none. */
const ASSOCIATIONS = [[], ["ip=6"], ["mode=transport"], ["cipher=null-sha256"], ["ip=6", "cipher=null"], ["mode=none"]];

/** The paths, with what they do to captures that they can play: a receiver either delivers or sends on. */
const PATHS: readonly (readonly string[])[] = [
  ["path=forward"],
  ["path=send"],
  ["path=receive"],
  ["path=receive", "then=forward"],
  ["path=host-to-host"],
];

const EVERYWHERE_BUT_SEND = ["path=forward", "path=receive", "path=receive,then=forward"];
const RECEIVE = EVERYWHERE_BUT_SEND.slice(1);

/**
 * Captures of which nothing gets through, and where: super-packets above the MTU, damaged IP headers (of all, or of those for
 * the busiest receiver). Transport mode writes IP headers anew.
 */
const NOTHING_ARRIVES: Readonly<Record<string, readonly string[]>> = {
  "bigtcp-ipv4-iplen0.pcap": EVERYWHERE_BUT_SEND,
  "bigtcp-ipv6-hbh-jumbo.pcap": EVERYWHERE_BUT_SEND,
  "nanosecond-snaplen64.pcap": EVERYWHERE_BUT_SEND,
  "null-loopback-bigendian-snmp.pcap": EVERYWHERE_BUT_SEND,
  "conformance-be-test008-tsoffset.pcapng": RECEIVE,
  "mpls-and-vlan.pcap": RECEIVE,
  "tso-64k-iplen0-headers-only.pcap": RECEIVE,
};

function corpusFiles(folder: string): string[] {
  try {
    return [...Deno.readDirSync(new URL(folder, CORPUS))].map(({ name }) => `${folder}${name}`).toSorted();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

/** What a capture is and holds: what `inspect` says, or why it cannot be read. */
interface Subject {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly packets: number;
  readonly hasEsp: boolean;
  readonly isPlayable: (path: string) => boolean;
}

async function subjectOf(file: string): Promise<Subject> {
  const whole = await Deno.readFile(new URL(file, CORPUS));
  const bytes = whole.subarray(0, Math.min(whole.length, PLAYED_BYTES));
  const name = file.split("/").at(-1)!;
  try {
    const { packets, paths, ethernet } = await inspectCapture(sourceOfBytes(bytes), name);
    const isPlayable = (path: string): boolean => paths.find((verdict) => verdict.path === path)!.playable;
    return { name, bytes, packets, hasEsp: ethernet?.hosts.hasEsp ?? false, isPlayable };
  } catch (error) {
    if (!(error instanceof CaptureError)) throw error;
    return { name, bytes, packets: -1, hasEsp: false, isPlayable: () => false };
  }
}

/** One run, or why there is none. */
async function play(subject: Subject, preset: string, sets: readonly string[]): Promise<Run | Error> {
  try {
    const resolved = resolveConfig({ preset, sets });
    const input = inputOf(subject.bytes, subject.name);
    return await replay({
      input,
      resolved,
      profile: PROFILES.get("published")!,
      check: true,
      windowBytes: WINDOW_BYTES,
    });
  } catch (error) {
    if (error instanceof UnplayableError || error instanceof CaptureError) return error;
    throw error;
  }
}

/**
 * The SAs under which a path plays a capture. A gateway behind the tunnel has no transport mode, and a NIC encrypts with AES-GCM;
 * without IPsec nobody encrypts.
 */
function associationsOf(path: readonly string[], preset: string, turn: number): readonly (readonly string[])[] {
  const { offload, crypto } = PRESETS[preset]!.settings;
  const isNic = offload !== "none";
  const legal = ASSOCIATIONS.filter((sets) => {
    if (sets.includes("mode=none") && (isNic || crypto !== "cpu")) return false;
    if (path.includes("then=forward") && sets.includes("mode=transport")) return false;
    return !isNic || sets.every((set) => !set.startsWith("cipher="));
  });
  return IS_COMPLETE ? legal : [legal[turn % legal.length]!];
}

/** The presets of which no two are the same on a path; of a matrix that is to be complete all of them. */
function presetsOf(sets: readonly string[]): string[] {
  const presets = Object.keys(PRESETS);
  if (IS_COMPLETE) return presets;
  const configs = presets.map((preset) => resolveConfig({ preset, sets: ["oversize=grow", ...sets] }).config);
  return presets.filter((_, i) => configs.slice(0, i).every((before) => differs(before, configs[i]!)));
}

function differs(a: Config, b: Config): boolean {
  const acts = (key: KeyName, config: Config): boolean => whyIdle(key, config, config.path) === undefined;
  return KEY_NAMES.some((key) => a[key] !== b[key] && (acts(key, a) || acts(key, b)));
}

/** Plays capture number `number` on a path under presets; `judge` looks at each run. */
async function playAll(
  subject: Subject,
  number: number,
  sets: readonly string[],
  judge: (run: Run) => void,
): Promise<void> {
  const path = sets[0]!.slice("path=".length);
  const isPlayable = subject.isPlayable(path);
  // What was captured as ESP has to be decrypted.
  const engine = IS_COMPLETE || path === "receive" && subject.hasEsp ? [] : ["engine=skip"];
  for (const [turn, preset] of PRESETS_OF.get(sets)!.entries()) {
    if (!IS_COMPLETE && (turn + number) % PRESETS_APART !== 0) continue;
    for (const association of associationsOf(sets, preset, turn)) {
      const run = await play(subject, preset, ["oversize=grow", ...sets, ...engine, ...association]);
      const what = `${sets} ${preset} ${association}`;
      if (run instanceof Error) {
        assertMatch(run.message, /^Cannot (replay|read) /);
        // Transport mode cannot protect fragments.
        const isRefused = !isPlayable || association.includes("mode=transport") && /ESP takes none/.test(run.message);
        assertEquals(isRefused, true, `${what}: ${run}`);
        continue;
      }
      assertEquals([run.failures, isPlayable || subject.packets === 0], [[], true], what);
      judge(run);
    }
  }
}

/** Something arrives where it should; nobody has the keys of captured ESP, which is said. */
function assertArrives(subject: Subject, sets: readonly string[], run: Run): void {
  const isLost = NOTHING_ARRIVES[subject.name]?.includes(sets.join()) ?? false;
  const isForeign = run.sa !== undefined && sets.includes("path=receive") && subject.hasEsp;
  const { frames, delivered } = run.delivery;
  // Fragments of IPv6 have an extension header, for which the driver of a NIC that does all of ESP has no way.
  const isVetoed = run.tally.sum({ event: "drop", reason: REASON.noFallback }).rows > 0;
  const isForgiven = isVetoed || isLost && run.sa?.mode === "transport";
  if (!isForgiven) assertEquals(frames + delivered > 0, !isLost && !isForeign, sets.join());
  assertEquals(run.warnings.some((warning) => /ESP packets are not opened by the SA/.test(warning)), isForeign);
}

/** Of the presets that differ on a path every third is played, which ones changes from capture to capture. */
const PRESETS_APART = 3;

const PRESETS_OF = new Map(PATHS.map((sets) => [sets, presetsOf(sets)]));

const real = corpusFiles("real/");
const malformed = corpusFiles("malformed/");

Deno.test({ name: "the corpus has captures to replay", ignore: real.length === 0 }, () => {
  assertEquals([real.length > 35, malformed.length > 35], [true, true]);
});

for (const [number, file] of real.entries()) {
  Deno.test(`every path plays ${file} with nothing lost on the way, or refuses it as inspect says`, async () => {
    const subject = await subjectOf(file);
    for (const path of PATHS) await playAll(subject, number, path, (run) => assertArrives(subject, path, run));
  });
}

for (const [number, file] of malformed.entries()) {
  Deno.test(`every path plays what can be read of ${file}, or refuses it`, async () => {
    const subject = await subjectOf(file);
    for (const path of PATHS) await playAll(subject, number, path, () => {});
  });
}
