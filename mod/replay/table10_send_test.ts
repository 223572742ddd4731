/**
 * Table 10.1 of the kernel's rules, rows of local senders without offload: how often each payload byte is copied (from the
 * process included), summed and encrypted, read off the ledger; and the figures of the recordings for one full segment.
 */

import { assertEquals } from "@std/assert";
import { datagramsOf } from "../stages/testing_frames.ts";
import { bulk, captureOf, runOf } from "./testing.ts";
import { TIMESTAMPS } from "./testing_streams.ts";

const FRAMES = 60;

interface Row {
  readonly name: string;
  readonly preset: string;
  readonly sets: readonly string[];
  readonly frames: readonly Uint8Array[];
  /** Passes over the payload: copies from the process, copies inside the stack, sums, encryption. */
  readonly passes: { readonly user: number; readonly copy: number; readonly checksum: number; readonly crypt: number };
}

/** Payload of whole segments only: 1394 bytes fit the tunnel, 1414 transport mode. */
const TUNNEL = bulk(FRAMES, { payloadBytes: 1394, options: TIMESTAMPS });
const TRANSPORT = bulk(FRAMES, { payloadBytes: 1414, options: TIMESTAMPS });
/** One write for each segment, so that none is cut short. */
const WHOLE = ["write_bytes=1394", "mode=tunnel"];

const ROWS: readonly Row[] = [
  {
    name: "4.4 local send",
    preset: "linux-4.4",
    sets: WHOLE,
    frames: TUNNEL,
    passes: { user: 1, copy: 1, checksum: 1, crypt: 1 },
  },
  {
    // 304 + 1414 bytes leave 10 of a head of 1728: the trailer needs 18.
    name: "4.4 local send, no room for the trailer",
    preset: "linux-4.4",
    sets: ["write_bytes=1414"],
    frames: TRANSPORT,
    passes: { user: 1, copy: 2, checksum: 1, crypt: 1 },
  },
  {
    name: "6.1 local send, GSO (esp4_offload loaded)",
    preset: "linux-6.1-module",
    sets: ["mode=tunnel", "write_bytes=64124"],
    frames: TUNNEL,
    passes: { user: 1, copy: 1, checksum: 1, crypt: 1 },
  },
  {
    name: "6.1 local send, GSO cut in xfrm (no layer-2 path for the SA)",
    preset: "linux-6.1",
    sets: ["mode=tunnel", "socket_gso=on", "gso=xfrm", "write_bytes=64124"],
    frames: TUNNEL,
    passes: { user: 1, copy: 1, checksum: 1, crypt: 1 },
  },
  {
    name: "6.1 local send, no GSO path (module absent)",
    preset: "linux-6.1",
    sets: WHOLE,
    frames: TUNNEL,
    passes: { user: 1, copy: 1, checksum: 1, crypt: 1 },
  },
  {
    name: "6.1 local send of datagrams",
    preset: "linux-6.1",
    sets: ["mode=tunnel"],
    frames: datagramsOf(FRAMES, {}, { payloadBytes: 1394 }),
    passes: { user: 1, copy: 0, checksum: 1, crypt: 1 },
  },
];

for (const ip of [4, 6]) {
  for (const { name, preset, sets, frames, passes } of ROWS) {
    Deno.test(`table 10.1, ${name}, outer IPv${ip}`, async () => {
      // The longer outer header is made up for, so that segments stay as long.
      const mtu = ip === 6 && sets.includes("mode=tunnel") ? ["mtu=1520"] : [];
      const { run } = await runOf(captureOf(frames), preset, ["path=send", `ip=${ip}`, ...mtu, ...sets]);
      assertEquals(run.failures, []);
      const payload = run.tally.sum({ event: "arrive" }).payloadBytes;
      const passesOf = (event: "user-copy" | "copy" | "checksum" | "seal"): number => {
        return Math.floor(run.tally.sum({ event }).bytes / payload);
      };
      assertEquals(
        {
          user: passesOf("user-copy"),
          copy: passesOf("copy"),
          checksum: passesOf("checksum"),
          crypt: passesOf("seal"),
        },
        passes,
      );
    });
  }
}

Deno.test("linux-6.1 copies 1414 + 320 bytes of each full segment in transport mode, all because it is a clone", async () => {
  const { run, events } = await runOf(captureOf(TRANSPORT), "linux-6.1", ["path=send", "write_bytes=1414"]);
  assertEquals(run.failures, []);
  assertEquals(events.copies, {
    "esp-output expand-head": FRAMES * 320,
    "esp-output pull-tail": FRAMES * 1414,
  });
  assertEquals(new Set(events.of("tail").map(({ reason }) => reason)), new Set(["cow-cloned"]));
});

Deno.test("linux-4.4 copies 304 + 1394 bytes of each full segment in tunnel mode, and twice where the tail lacks room", async () => {
  const copied = async (frames: readonly Uint8Array[], ...sets: string[]): Promise<Record<string, number>> => {
    return (await runOf(captureOf(frames), "linux-4.4", ["path=send", ...sets])).events.copies;
  };
  assertEquals(await copied(TUNNEL, ...WHOLE), { "esp-output expand-head": FRAMES * 1698 });
  assertEquals(await copied(TRANSPORT, "write_bytes=1414"), { "esp-output expand-head": FRAMES * 2 * (304 + 1414) });
});

Deno.test("linux-6.1-module needs a page fragment from 1391 bytes on in the tunnel, and in transport mode from 1391 to 1408", async () => {
  const tails = async (payloadBytes: number, mode: string): Promise<string> => {
    const frames = bulk(4, { payloadBytes, options: TIMESTAMPS });
    // An aggregate of segments of this size: the other side takes no more.
    const limit = Uint8Array.of(2, 4, (payloadBytes + 12) >> 8, (payloadBytes + 12) & 0xff);
    const syn = bulk(1, { payloadBytes: 0, flags: 2, options: limit, sequence: 999 });
    const { events } = await runOf(captureOf([...syn, ...frames]), "linux-6.1-module", ["path=send", `mode=${mode}`]);
    return events.of("tail").slice(1).map(({ reason }) => reason)[0]!;
  };
  assertEquals(await tails(1390, "tunnel"), "in-place");
  assertEquals(await tails(1391, "tunnel"), "fragment");
  assertEquals(await tails(1394, "tunnel"), "fragment");
  assertEquals(await tails(1390, "transport"), "in-place");
  assertEquals(await tails(1400, "transport"), "fragment");
  assertEquals(await tails(1408, "transport"), "fragment");
  assertEquals(await tails(1409, "transport"), "in-place");
});

Deno.test("a datagram above the MTU reaches ESP as a frag_list, and nothing of it is copied but what moves for the headers", async () => {
  const frames = datagramsOf(1, {}, { payloadBytes: 3000 });
  const { run, events, sent } = await runOf(captureOf(frames), "linux-6.1", ["path=send"]);
  assertEquals(run.failures, []);
  assertEquals(events.copies, { "socket fragment-gap": 16 });
  assertEquals(events.of("seal").map(({ count }) => count), [3]);
  assertEquals(sent.map(({ bytes }) => bytes.length), [1474, 1474, 198]);
});
