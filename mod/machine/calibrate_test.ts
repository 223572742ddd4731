import { assertEquals } from "@std/assert";
import { ENGINES } from "../crypto/engines.ts";
import { calibrate, LENGTHS } from "./calibrate.ts";
import { clockGhzNow } from "./calibrate_clock.ts";
import { CIPHER_REASONS } from "./calibration.ts";

/** A clock that goes on by a millisecond whenever somebody looks, so that turns have few batches. */
function tickingClock(): () => number {
  let ns = 0;
  return () => ns += 1_000_000;
}

const OPTIONS = { engine: ENGINES.noble, lengths: [256, 1460], memoryBytes: 1 << 20 };

Deno.test("calibrate() measures every work for every length, cold and warm, in as many runs as asked", async () => {
  const told: string[] = [];
  const progress = (done: number, runs: number): Promise<void> => {
    told.push(`${done} of ${runs}`);
    return Promise.resolve();
  };
  const { clockGhz, measured } = await calibrate({ ...OPTIONS, nowNs: tickingClock(), runs: 2, progress });
  const wanted = ["cold", "warm"].flatMap((state) => [
    ...["copy", "checksum", "copy+checksum"].map((work) => `${work} 256 ${state}`),
    ...CIPHER_REASONS.flatMap((reason) => [`seal ${reason}`, `open ${reason}`]).map((work) => `${work} 256 ${state}`),
    ...["copy", "checksum", "copy+checksum"].map((work) => `${work} 1460 ${state}`),
    // A full text is longer than a full segment, and is there in pieces as well.
    ...CIPHER_REASONS.flatMap((reason) => {
      return [`seal ${reason}`, `seal ${reason} in pieces`, `open ${reason}`, `open ${reason} in pieces`];
    }).map((work) => `${work} 1504 ${state}`),
  ]);
  const rows = measured.filter(({ work }) => work !== "line");
  assertEquals(rows.map(({ work, bytes, state }) => `${work} ${bytes} ${state}`), wanted);
  assertEquals(measured.filter(({ work }) => work === "line").map(({ state }) => state), ["warm", "warm", "cold"]);
  for (const { nsPerCall } of measured) assertEquals(nsPerCall.every((ns) => ns > 0) && nsPerCall.length, 2);
  assertEquals(clockGhz.length, 2);
  // The first is for the compiler.
  assertEquals(told, ["0 of 2", "0 of 2", "1 of 2"]);
  const makers = new Map(measured.map(({ work, by }) => [work, by]));
  assertEquals([makers.get("copy"), makers.get("open aes-gcm")], ["JavaScript", "noble"]);
});

Deno.test("calibrate() gives ciphers no text that no frame can carry", async () => {
  const { measured } = await calibrate({ ...OPTIONS, lengths: [9000, 9001], nowNs: tickingClock(), runs: 1 });
  const worksAt = (length: number): number => {
    return measured.filter(({ bytes, state, work }) => bytes === length && state === "cold" && work !== "line").length;
  };
  assertEquals([worksAt(9000), worksAt(9001)], [3 + 2 * CIPHER_REASONS.length, 3]);
});

Deno.test("calibrate() says the same whenever the clock says the same", async () => {
  const times = [0, 1].map(() => calibrate({ ...OPTIONS, nowNs: tickingClock(), runs: 1 }));
  const [first, second] = await Promise.all(times);
  assertEquals(first, second);
});

Deno.test("LENGTHS has that of a full segment, which counts most", () => {
  assertEquals(LENGTHS.includes(1460), true);
});

Deno.test("clockGhzNow() counts the operations of the shortest batch", () => {
  let ns = 0;
  const stepsNs = [100_000, 80_000, 200_000];
  let looks = 0;
  // Every second look ends a batch.
  const nowNs = (): number => ns += looks++ % 2 === 0 ? 0 : stepsNs[(looks >> 1) % 3]!;
  assertEquals(clockGhzNow(nowNs), 320_000 / 80_000);
});
