import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { checkProfile, type Coefficient, parseProfile, priceOf, type Profile, withBase } from "../cost/profile.ts";
import { PROFILES } from "../cost/profiles.ts";
import { EVENT, EVENT_NAMES, REASONS, STAGE } from "../ledger/schema.ts";
import { type Charge, CHARGES } from "./calibrate_charges.ts";
import { calibratedProfile } from "./calibrate_profile.ts";
import { type Calibration, LINE_SPAN_BYTES, type Measured, type MemoryState, type Work, WORKS } from "./calibration.ts";

const LENGTHS = [64, 1460, 65536];
const PUBLISHED = PROFILES.get("published")!;
/** Times of `line`, from the second cache level to memory. */
const LINES_NS = [3, 8, 60];

/** What a call takes in a made-up machine: a line of its own for each work and state, above that of what is done besides. */
function nsOf(work: Work, state: MemoryState, bytes: number): number {
  const i = WORKS.indexOf(work) + 1;
  return (state === "cold" ? 100 : 10) * i + bytes * 0.1 * i * (state === "cold" ? 2 : 1);
}

/** Measurements of that machine: each is `share` longer in the second run. */
function madeUp(share = 0, clockGhz = 4): Calibration {
  const works = WORKS.filter((work) => work !== "line");
  const measured: Measured[] = (["cold", "warm"] as const).flatMap((state) => {
    return works.flatMap((work) =>
      LENGTHS.map((bytes) => {
        const ns = nsOf(work, state, bytes);
        return { work, bytes, state, by: "JavaScript", nsPerCall: [ns, ns * (1 + share)] };
      })
    );
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

/** Price in ns of one event, in a stage that no profile gives a price of its own. */
function priced(profile: Profile, event: string, reason: string | undefined, bytes: number): number {
  const number = (EVENT_NAMES as readonly string[]).indexOf(event);
  const why = REASONS.findIndex(({ name }) => name === (reason ?? ""));
  // Scatterlist entries have a price of their own.
  return priceOf(profile)(number, STAGE.nic, why, bytes, 0) / 1000;
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
  const without = (work: Work): Calibration => ({ clock, measured: measured.filter((row) => row.work !== work) });
  assertThrows(() => calibratedProfile("mine", without("copy"), PUBLISHED), RangeError, "fewer than two lengths");
  assertThrows(() => calibratedProfile("mine", without("line"), PUBLISHED), RangeError, "it was not measured");
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
