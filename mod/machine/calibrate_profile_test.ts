import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { checkProfile, type Coefficient, parseProfile, priceOf, type Profile, withBase } from "../cost/profile.ts";
import { PROFILES } from "../cost/profiles.ts";
import { EVENT, EVENT_NAMES, REASONS, STAGE } from "../ledger/schema.ts";
import { entryAmount } from "./calibrate_amounts.ts";
import { type Charge, CHARGES } from "./calibrate_charges.ts";
import { calibratedProfile } from "./calibrate_profile.ts";
import {
  type Calibration,
  CIPHER_REASONS,
  FULL_TEXT_BYTES,
  LINE_SPAN_BYTES,
  LINED_WORKS,
  type LinedWork,
  type Measured,
  type MemoryState,
  PIECES_WORKS,
  type Work,
} from "./calibration.ts";

const LENGTHS = [64, FULL_TEXT_BYTES, 65536];
const PUBLISHED = PROFILES.get("published")!;
/** Times of `line`, from the second cache level to memory. */
const LINES_NS = [3, 8, 60];

/** What each further piece adds in that machine: more in cold memory, more to seal, and for each cipher something else. */
function entryNsOf(work: Work, state: MemoryState): number {
  const i = 1 + CIPHER_REASONS.findIndex((reason) => work.split(" ")[1] === reason);
  return (state === "cold" ? 3 : 2) * (work.startsWith("seal") ? 4 : 2) + i;
}

/** What a call takes in a made-up machine: a line of its own for each work and state, above that of what is done besides. */
function nsOf(work: LinedWork, state: MemoryState, bytes: number): number {
  const i = LINED_WORKS.indexOf(work) + 1;
  return (state === "cold" ? 100 : 10) * i + bytes * 0.1 * i * (state === "cold" ? 2 : 1);
}

/** Measurements of that machine: each is `share` longer in the second run. */
function madeUp(share = 0, clockGhz = 4): Calibration {
  const measured = (["cold", "warm"] as const).flatMap((state) => {
    const row = (work: Work, bytes: number, ns: number): Measured => {
      return { work, bytes, state, by: "JavaScript", nsPerCall: [ns, ns * (1 + share)] };
    };
    return [
      ...LINED_WORKS.flatMap((work) => LENGTHS.map((bytes) => row(work, bytes, nsOf(work, state, bytes)))),
      ...PIECES_WORKS.map((work) => {
        const one = work.replace(" in pieces", "") as LinedWork;
        const further = work.startsWith("seal") ? 2 : 1;
        return row(work, FULL_TEXT_BYTES, nsOf(one, state, FULL_TEXT_BYTES) + further * entryNsOf(work, state));
      }),
    ];
  });
  const lines = Object.values(LINE_SPAN_BYTES).map((bytes, i): Measured => {
    return { work: "line", bytes, state: i < 2 ? "warm" : "cold", by: "JavaScript", nsPerCall: [LINES_NS[i]!] };
  });
  return { clock: { ghz: clockGhz, source: "4 GHz as given" }, measured: [...measured, ...lines] };
}

/** As `--set profile=FILE` reads it. */
function asRead(profile: Profile): Profile {
  return withBase(parseProfile(JSON.stringify(profile), "mine.json"), PROFILES, "mine.json");
}

function find(profile: Profile, event: string, reason: string | undefined, unit: string): Coefficient | undefined {
  return profile.coefficients.find((each) => {
    return each.event === event && each.reason === reason && each.unit === unit && each.stage === undefined;
  });
}

/** Price in ns of one event with `count` entries, in a stage that no profile gives a price of its own. */
function priced(profile: Profile, event: string, reason: string | undefined, bytes: number, count = 1): number {
  const number = (EVENT_NAMES as readonly string[]).indexOf(event);
  const why = REASONS.findIndex(({ name }) => name === (reason ?? ""));
  return priceOf(profile)(number, STAGE.nic, why, bytes, count) / 1000;
}

function close(actual: number, expected: number): void {
  assertAlmostEquals(actual, expected, 1e-3 + expected * 1e-3);
}

for (const [name, base] of PROFILES) {
  Deno.test(`calibratedProfile() prices as measured, whatever units base ${name} has`, () => {
    const profile = asRead(calibratedProfile("mine", madeUp(), base));
    for (const { event, reason, work, besides, state } of CHARGES) {
      for (const bytes of LENGTHS) {
        const paid = besides === undefined ? 0 : nsOf(besides, state, bytes);
        close(priced(profile, event, reason, bytes), nsOf(work, state, bytes) - paid);
      }
    }
  });
}

for (const [name, base] of PROFILES) {
  Deno.test(`calibratedProfile() prices a request in pieces as measured, on base ${name}`, () => {
    const profile = asRead(calibratedProfile("mine", madeUp(), base));
    for (const { event, reason, work, pieces, state } of CHARGES) {
      if (pieces === undefined) continue;
      for (const count of [1, 2, 3]) {
        const ns = nsOf(work, state, 1500) + (count - 1) * entryNsOf(pieces, state);
        close(priced(profile, event, reason, 1500, count), ns);
      }
    }
  });
}

Deno.test("calibratedProfile() prices further entries above the cache line of any, and says of what they are", () => {
  const profile = calibratedProfile("mine", madeUp(), PUBLISHED);
  const { value, low, high, note, source } = find(profile, "seal", "aes-gcm-128", "ns/count")!;
  const lineNs = LINES_NS[0]!;
  assertEquals([value, low, high], [2 * 4 + 2 - lineNs, 2 * 4 + 2 - lineNs, 3 * 4 + 2 - lineNs]);
  assertEquals(source, "tailbits calibrate: seal aes-gcm-128 in pieces by JavaScript less seal aes-gcm-128");
  assertEquals(note.includes("a text of 1504 bytes takes longer in 3 pieces (52 + 1448 + 4)"), true);
  // What is opened has its header apart; the range reaches as far as a text that is cut.
  const open = find(profile, "open", "aes-gcm-128", "ns/count")!;
  assertEquals([open.value, open.low, open.high], [3 * 2 + 2 - lineNs, 2 * 2 + 2 - lineNs, 3 * 4 + 2 - lineNs]);
  assertEquals(open.note.includes("the range reaches as far as seal aes-gcm-128 in pieces"), true);
});

Deno.test("calibratedProfile() gives entries a range that holds half of the runs, each against itself", () => {
  const { clock, measured } = madeUp();
  const oneNs = nsOf("seal aes-gcm", "warm", FULL_TEXT_BYTES);
  // What disturbs a run doubles all of it; what entries add to a call differs from run to run.
  const disturbed = [1, 2, 3, 1, 1];
  const entryNs = [20, 30, 25, 40, 35];
  const rows = measured.map((row): Measured => {
    if (row.bytes !== FULL_TEXT_BYTES || row.state !== "warm") return row;
    if (row.work === "seal aes-gcm") return { ...row, nsPerCall: disturbed.map((times) => times * oneNs) };
    if (row.work !== "seal aes-gcm in pieces") return row;
    return { ...row, nsPerCall: disturbed.map((times, run) => times * (oneNs + 2 * entryNs[run]!)) };
  });
  const { value, low, high } = entryAmount("seal aes-gcm in pieces", rows, "warm");
  close(value, 20);
  close(low, 20);
  close(high, 35);
  const profile = calibratedProfile("mine", { clock, measured: rows }, PUBLISHED);
  close(find(profile, "seal", "aes-gcm", "ns/count")!.high, 35 - LINES_NS[0]!);
});

Deno.test("calibratedProfile() takes nothing off where pieces take no longer, and less than nothing nowhere", () => {
  const { clock, measured } = madeUp();
  const quick = measured.map((row) => row.work.endsWith("in pieces") ? { ...row, nsPerCall: [1] } : row);
  const profile = asRead(calibratedProfile("mine", { clock, measured: quick }, PUBLISHED));
  const { value, low, high } = find(profile, "seal", "aes-gcm", "ns/count")!;
  assertEquals([value, low, high], [0, 0, 0]);
  // The cache line of an entry is in the price of a call of one.
  close(priced(profile, "seal", "aes-gcm", 1500), nsOf("seal aes-gcm", "warm", 1500));
  const slow = measured.map((row) => row.work.endsWith("in pieces") ? { ...row, nsPerCall: [1e6] } : row);
  const slowProfile = calibratedProfile("mine", { clock, measured: slow }, PUBLISHED);
  assertEquals(find(slowProfile, "seal", "aes-gcm", "cycles/op")!.value, 0);
});

Deno.test("calibratedProfile() with warm memory prices every event as warm, and reaches to cold", () => {
  const [cold, warm] = (["cold", "warm"] as const).map((memory) => {
    return calibratedProfile("mine", madeUp(), PUBLISHED, memory);
  }) as [Profile, Profile];
  for (const charge of CHARGES) {
    const { event, reason, work, besides } = charge;
    const paid = besides === undefined ? 0 : nsOf(besides, "warm", 1500);
    close(priced(asRead(warm), event, reason, 1500), nsOf(work, "warm", 1500) - paid);
  }
  const wasCold = CHARGES.filter(({ state }) => state === "cold");
  for (const { event, reason } of wasCold) {
    const ofReason = ({ coefficients }: Profile): readonly Coefficient[] => {
      return coefficients.filter((each) =>
        each.event === event && each.reason === reason && each.unit.endsWith("/byte")
      );
    };
    const [inCold, inWarm] = [ofReason(cold), ofReason(warm)];
    inWarm.forEach((each, i) => assertEquals(each.high >= inCold[i]!.value && each.value <= each.high, true));
    assertEquals(inWarm.some(({ note }) => note.includes("taken as warm all the same (--memory warm)")), true);
  }
  assertEquals(cold.description.includes("--memory"), false);
  assertEquals(warm.description.includes("All bytes are taken to lie in caches (--memory warm)"), true);
  // What is warm by default is the same in both.
  const seals = ({ coefficients }: Profile): readonly Coefficient[] =>
    coefficients.filter(({ event }) => event === "seal");
  assertEquals(seals(warm), seals(cold));
});

Deno.test("no shipped profile has a price that would add to one that was measured", () => {
  for (const [name, base] of PROFILES) {
    const written = calibratedProfile("mine", madeUp(), base);
    const charged = CHARGES.filter(({ reason }) => reason !== undefined);
    for (const { event, reason } of charged) {
      const left = asRead(written).coefficients.filter((each) => {
        return each.event === event && each.reason === reason && !each.source.startsWith("tailbits calibrate");
      });
      assertEquals(left, [], `${name}: ${event} ${reason}`);
    }
  }
});

Deno.test("calibratedProfile() charges copy and checksum in one pass what was measured of both, once", () => {
  const profile = asRead(calibratedProfile("mine", madeUp(), PUBLISHED));
  for (const reason of ["fused", "fused-user", "fused-read"]) {
    const both = priced(profile, "copy", "segment-copy", 1460) + priced(profile, "checksum", reason, 1460);
    close(both, nsOf("copy+checksum", "cold", 1460));
  }
});

Deno.test("calibratedProfile() writes 0 for what its base has in another unit", () => {
  const cycles = { event: "copy", unit: "cycles/byte", value: 9, low: 9, high: 9, source: "s", note: "n" };
  const base = checkProfile({ ...PUBLISHED, coefficients: [...PUBLISHED.coefficients, cycles] }, "base");
  const written = calibratedProfile("mine", madeUp(), base);
  assertEquals(find(written, "copy", undefined, "ns/byte")!.value, 0);
  const bases = new Map([["published", base]]);
  const profile = withBase(parseProfile(JSON.stringify(written), "m.json"), bases, "m.json");
  close(priced(profile, "copy", "pull-tail", 1460), nsOf("copy", "cold", 1460));
});

Deno.test("calibratedProfile() scales by clock what the base has in ns and nobody measured, and says so", () => {
  const profile = calibratedProfile("mine", madeUp(0, 5.18), PUBLISHED);
  const others = PUBLISHED.coefficients.filter(({ unit, event, reason }) => {
    const isMeasured = CHARGES.some((charge) => charge.event === event && charge.reason === reason);
    return unit.startsWith("ns/") && !isMeasured && event !== "seal" && event !== "open";
  });
  assertEquals(others.length > 0, true);
  for (const theirs of others) {
    const ours = profile.coefficients.find(({ event, stage, reason, unit }) => {
      return event === theirs.event && stage === theirs.stage && reason === theirs.reason && unit === theirs.unit;
    })!;
    close(ours.value, theirs.value / 2);
    close(ours.high, theirs.high / 2);
    assertEquals(ours.note, `${theirs.note}; scaled by clock from profile published; not measured`);
  }
  const inCycles = profile.coefficients.filter(({ unit, event }) => unit.startsWith("cycles/") && event === "visit");
  assertEquals(inCycles, []);
});

Deno.test("calibratedProfile() prices accesses to memory with the latencies of this machine", () => {
  const profile = calibratedProfile("mine", madeUp(), PUBLISHED);
  const range = (event: string, reason: string | undefined, unit: string): unknown[] => {
    const { value, low, high } = find(profile, event, reason, unit)!;
    return [value, low, high];
  };
  if (find(PUBLISHED, "seal", undefined, "ns/count")) assertEquals(range("seal", undefined, "ns/count"), [3, 0, 8]);
  if (find(PUBLISHED, "open", "null", "ns/op")) assertEquals(range("open", "null", "ns/op"), [8, 3, 60]);
});

Deno.test("calibratedProfile() gives ranges that hold the runs, and memory in its other state", () => {
  const { event, reason, also } = CHARGES.find(({ work }) => work === "open aes-gcm") as Charge;
  assertEquals(also, "warm");
  const profile = calibratedProfile("mine", madeUp(0.2), PUBLISHED);
  const coefficient = find(profile, event, reason, "cycles/byte")!;
  const perByte = (state: MemoryState): number => (nsOf("open aes-gcm", state, 2) - nsOf("open aes-gcm", state, 1)) * 4;
  close(coefficient.value, perByte("cold"));
  close(coefficient.low, perByte("warm"));
  close(coefficient.high, perByte("cold") * 1.15);
});

Deno.test("calibratedProfile() is the same for the same measurements, and names no machine", () => {
  const text = JSON.stringify(calibratedProfile("mine", madeUp(), PUBLISHED));
  assertEquals(text, JSON.stringify(calibratedProfile("mine", madeUp(), PUBLISHED)));
  assertEquals(text.includes('"base":"published","clock_ghz":4,'), true);
});

Deno.test("calibratedProfile() refuses measurements that lack a work", () => {
  const { clock, measured } = madeUp();
  const pieces = "open aes-gcm in pieces";
  const without = (work: Work): Calibration => ({ clock, measured: measured.filter((row) => row.work !== work) });
  assertThrows(() => calibratedProfile("mine", without("copy"), PUBLISHED), RangeError, "fewer than two lengths");
  assertThrows(() => calibratedProfile("mine", without("line"), PUBLISHED), RangeError, "it was not measured");
  assertThrows(() => calibratedProfile("mine", without(pieces), PUBLISHED), RangeError, `${pieces} was not measured`);
});

Deno.test("CHARGES names events and reasons that there are, each once", () => {
  const keys = CHARGES.map(({ event, reason }) => `${event} ${reason ?? ""}`);
  assertEquals(new Set(keys).size, keys.length);
  for (const { event, reason } of CHARGES) {
    assertEquals(event in EVENT, true);
    assertEquals(REASONS.some(({ name }) => name === (reason ?? "")), true);
  }
});

Deno.test("CHARGES prices every checksum that a shipped profile prices", () => {
  for (const { coefficients } of PROFILES.values()) {
    const reasons = coefficients.filter(({ event }) => event === "checksum").map(({ reason }) => reason);
    for (const reason of reasons) assertEquals(CHARGES.some((charge) => charge.reason === reason), true, reason);
  }
});
