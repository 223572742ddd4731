/** GRO's handler for ESP: whom it takes, in which poll that is decrypted, and what goes up all the same. */

import { assertEquals } from "@std/assert";
import { bulk, captureOf, runOf, type TestRun } from "../replay/testing.ts";
import { set16, set32 } from "../wire/bytes.ts";
import { ETH_HLEN } from "../wire/ethernet.ts";
import * as ipv4 from "../wire/ipv4.ts";

const SPI_AT = ETH_HLEN + ipv4.HEADER_BYTES;
const SETS = ["path=receive", "esp_gro=on"];

/** ESP frames, `change` made to one of them. */
async function espFrames(count: number, at: number, change: (frame: Uint8Array) => void): Promise<Uint8Array[]> {
  const { sent } = await runOf(captureOf(bulk(count)), "nocopy");
  const frames = sent.map(({ bytes }) => bytes);
  change(frames[at]!);
  return frames;
}

/** "tap esp 1", "drop no-state 1", ...: what went up as ESP, and what was dropped. */
const seen = ({ events }: TestRun): string[] => {
  return events.rows.filter(({ event, reason }) => event === "drop" || (event === "tap" && reason === "esp"))
    .map(({ event, reason, packet }) => `${event} ${reason} ${packet}`);
};

const visits = ({ events }: TestRun, ...stages: string[]): string[] => {
  return events.of("visit").filter(({ stage }) => stages.includes(stage)).map(({ stage }) => stage);
};

Deno.test("the ESP handler decrypts in the poll of the NIC, and IP input sees clear packets only", async () => {
  const frames = await espFrames(4, 0, () => {});
  const received = await runOf(captureOf(frames), "linux-6.1", SETS);
  assertEquals(seen(received), []);
  const stages = ["driver-rx", "ip-input", "esp-input", "gro-cells", "local-in"];
  assertEquals(visits(received, ...stages), [
    ...["driver-rx", "esp-input", "driver-rx", "esp-input", "driver-rx", "esp-input", "driver-rx", "esp-input"],
    ...["gro-cells", "gro-cells", "gro-cells", "gro-cells", "ip-input", "local-in"],
  ]);
});

Deno.test("a packet without an SA goes up as ESP, between those of the SA", async () => {
  const frames = await espFrames(3, 1, (frame) => set32(frame, SPI_AT, 0x9999));
  for (const layout of ["build-skb", "page-frag", "frags:1", "kmalloc"]) {
    const received = await runOf(captureOf(frames), "linux-6.1", [...SETS, `rx_layout=${layout}`]);
    assertEquals(seen(received), ["tap esp 1", "drop no-state 1"], layout);
    assertEquals([received.run.failures, received.run.delivery.delivered], [[], 2]);
  }
});

Deno.test("a fragment of ESP goes up, and IP input has it wait for the others", async () => {
  const frames = await espFrames(3, 1, (frame) => {
    set16(frame, ETH_HLEN + 6, 0x2000);
    ipv4.writeHeaderChecksum(frame, ETH_HLEN);
  });
  const received = await runOf(captureOf(frames), "linux-6.1", SETS);
  assertEquals(seen(received), ["tap esp 1", "drop fragment-timeout 1"]);
  assertEquals(received.run.failures, []);
});

Deno.test("ESP with bytes behind the IP packet is left to IP input, which cuts them off", async () => {
  const frames = await espFrames(3, 1, () => {});
  const padded = new Uint8Array(frames[1]!.length + 6);
  padded.set(frames[1]!);
  frames[1] = padded;
  const received = await runOf(captureOf(frames), "linux-6.1", SETS);
  assertEquals(seen(received), ["tap esp 1"]);
  assertEquals([received.run.failures, received.run.delivery.delivered], [[], 3]);
});

Deno.test("with the handler as without it: replays, wrong ICVs and dummies end in ESP input", async () => {
  const frames = await espFrames(4, 1, (frame) => (frame[300]! ^= 1));
  for (const handler of ["on", "off"]) {
    const sets = ["path=receive", `esp_gro=${handler}`];
    const received = await runOf(captureOf([...frames, frames[0]!]), "linux-6.1", sets);
    assertEquals(seen(received).filter((row) => row.startsWith("drop")), ["drop icv 1", "drop replay 4"]);
    assertEquals([received.run.failures, received.run.delivery.delivered], [[], 3]);
  }
});
