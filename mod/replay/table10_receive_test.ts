/**
 * Table 10.2 of the kernel's rules, rows without offload: how often a receiver copies, sums and decrypts each payload byte, read
 * off the ledger. As for table 10.1, what headers and trailers add is left out.
 */

import { assertEquals } from "@std/assert";
import { bulk, captureOf, runOf } from "./testing.ts";

const FRAMES = 60;
const PAYLOAD = FRAMES * 1460;

/** Passes over the payload. */
interface Passes {
  /** Inside the stack, and to user space. */
  readonly copy: number;
  readonly user: number;
  readonly checksum: number;
  readonly crypt: number;
}

interface Row {
  readonly name: string;
  readonly sets: readonly string[];
  readonly passes: Passes;
  /** Buffers that end their way, where it is known. */
  readonly buffers?: number;
}

const ERA_4_4 = ["era=4.4", "rx_cow=always", "gcm_sg=single", "gro=on"];
const ERA_6_1 = ["era=6.1", "rx_cow=if-shared", "gro=on"];
const MODULE = ["esp_gro=on"];

const ROWS: readonly Row[] = [
  {
    name: "4.4 local receive, frag RX",
    sets: [...ERA_4_4, "rx_layout=page-frag"],
    passes: { copy: 1, user: 1, checksum: 1, crypt: 1 },
    buffers: FRAMES,
  },
  {
    name: "4.4 local receive, linear RX",
    sets: [...ERA_4_4, "rx_layout=netdev-linear"],
    passes: { copy: 0, user: 1, checksum: 1, crypt: 1 },
    buffers: FRAMES,
  },
  {
    name: "4.4 local receive, transport mode",
    sets: [...ERA_4_4, "rx_layout=page-frag", "mode=transport"],
    passes: { copy: 1, user: 1, checksum: 1, crypt: 1 },
    buffers: FRAMES,
  },
  {
    name: "4.4 forward, packet by packet",
    sets: [...ERA_4_4, "rx_layout=page-frag", "then=forward"],
    passes: { copy: 1, user: 0, checksum: 0, crypt: 1 },
    buffers: FRAMES,
  },
  ...["build-skb", "page-frag"].flatMap((layout): Row[] =>
    [[], MODULE].map((module) => ({
      name: `6.1 local receive, ${layout}${module.length > 0 ? ", ESP handler" : ""}`,
      sets: [...ERA_6_1, `rx_layout=${layout}`, ...module],
      passes: { copy: 0, user: 1, checksum: 1, crypt: 1 },
    }))
  ),
  {
    name: "6.1 local receive, transport mode with the ESP handler",
    sets: [...ERA_6_1, ...MODULE, "rx_layout=build-skb", "mode=transport"],
    passes: { copy: 0, user: 1, checksum: 1, crypt: 1 },
  },
  {
    name: "6.1 local receive, transport mode without it: no second pass of GRO",
    sets: [...ERA_6_1, "rx_layout=build-skb", "mode=transport"],
    passes: { copy: 0, user: 1, checksum: 1, crypt: 1 },
    buffers: FRAMES,
  },
  ...["build-skb", "page-frag"].map((layout): Row => ({
    name: `6.1 forward, the NIC segments, ${layout}`,
    sets: [...ERA_6_1, `rx_layout=${layout}`, "then=forward"],
    passes: { copy: 0, user: 0, checksum: 1, crypt: 1 },
  })),
  {
    name: "6.1 forward, software segments by reference",
    sets: [...ERA_6_1, "rx_layout=page-frag", "then=forward", "nic_tso=off"],
    passes: { copy: 0, user: 0, checksum: 1, crypt: 1 },
  },
  {
    name: "6.1 forward to a NIC that does not gather: all is copied",
    sets: [...ERA_6_1, "rx_layout=page-frag", "then=forward", "nic_sg=off"],
    passes: { copy: 1, user: 0, checksum: 1, crypt: 1 },
  },
  {
    name: "6.1 local receive, cloned RX (raw-socket sniffer)",
    sets: [...ERA_6_1, "rx_layout=build-skb", "tap=packet-socket"],
    passes: { copy: 1, user: 1, checksum: 1, crypt: 1 },
  },
  {
    // The header pull has given the packet a head of its own before: its pages are decrypted while the sniffer has them.
    name: "6.1 local receive, cloned RX of page fragments: no copy",
    sets: [...ERA_6_1, "rx_layout=page-frag", "tap=packet-socket"],
    passes: { copy: 0, user: 1, checksum: 1, crypt: 1 },
  },
  {
    name: "4.11 to 4.16: what is not linearized is bounced, twice over",
    sets: [...ERA_4_4, "rx_cow=if-shared", "rx_layout=page-frag"],
    passes: { copy: 2, user: 1, checksum: 1, crypt: 1 },
    buffers: FRAMES,
  },
];

for (const ip of [4, 6]) {
  for (const { name, sets, passes, buffers } of ROWS) {
    Deno.test(`table 10.2, ${name}, outer IPv${ip}`, async () => {
      const { run, events } = await runOf(captureOf(bulk(FRAMES)), "baseline", ["path=receive", ...sets, `ip=${ip}`]);
      assertEquals(run.failures, []);
      const passesOf = (bytes: number): number => Math.floor(bytes / PAYLOAD);
      const out = run.tally.sum({ event: "send" }).payloadBytes + run.tally.sum({ event: "deliver" }).payloadBytes;
      assertEquals(out, PAYLOAD);
      assertEquals({
        copy: passesOf(run.tally.sum({ event: "copy" }).bytes),
        user: passesOf(run.tally.sum({ event: "user-copy" }).bytes),
        checksum: passesOf(run.tally.sum({ event: "checksum" }).bytes),
        crypt: passesOf(run.tally.sum({ event: "open" }).bytes),
      }, passes);
      const ends = events.of("visit").filter(({ stage }) => stage === "local-in" || stage === "forward").length;
      if (buffers === undefined) assertEquals(ends < FRAMES / 4, true, `${ends}`);
      else assertEquals(ends, buffers);
    });
  }
}
