/**
 * Tables 10.1 and 10.2 of the kernel's rules, rows with offload: how often each payload byte is copied (from and to processes
 * apart), summed and encrypted, read off the ledger; and that no CPU pays for what the NIC encrypts.
 */

import { assertEquals } from "@std/assert";
import { bulk, captureOf, runOf } from "./testing.ts";
import { TIMESTAMPS } from "./testing_streams.ts";

const FRAMES = 60;
const CLEAR = bulk(FRAMES);
/** Payload of whole segments only, and one write for each of them, or for 46. */
const SEGMENTS = bulk(FRAMES, { payloadBytes: 1394, options: TIMESTAMPS });
const SEGMENT_WRITES = ["path=send", "mode=tunnel", "write_bytes=1394", "nodelay=on", "socket_gso=off"];
const BULK_WRITES = ["path=send", "mode=tunnel", "write_bytes=64124"];
/** Fair buffers: one with a frag_list is too much for the NIC. */
const FORWARD = ["path=forward", "rx_layout=page-frag", "gro_overflow=stop"];
const RECEIVE = ["path=receive", "rx_layout=page-frag", "gro_overflow=stop"];
const ONWARD = [...RECEIVE, "then=forward"];

interface Row {
  readonly name: string;
  readonly preset: "offload-crypto" | "offload-packet";
  readonly sets: readonly string[];
  readonly frames?: readonly Uint8Array[];
  /** Passes over the payload: process, stack, sums, encryption. */
  readonly passes: { readonly user: number; readonly copy: number; readonly checksum: number; readonly crypt: number };
  /** Whether software cuts. */
  readonly cuts?: boolean;
}

const ROWS: readonly Row[] = [
  {
    name: "crypto offload, local GSO, NIC without GSO_ESP: segments by reference",
    preset: "offload-crypto",
    sets: [...BULK_WRITES, "nic_gso_esp=off"],
    frames: SEGMENTS,
    passes: { user: 1, copy: 0, checksum: 0, crypt: 1 },
    cuts: true,
  },
  {
    name: "crypto offload, local GSO, NIC without HW_ESP_TX_CSUM: the stack sums",
    preset: "offload-crypto",
    sets: [...BULK_WRITES, "nic_tx_csum=off"],
    frames: SEGMENTS,
    passes: { user: 1, copy: 0, checksum: 1, crypt: 1 },
    cuts: true,
  },
  {
    name: "crypto offload, local GSO, NIC with GSO_ESP",
    preset: "offload-crypto",
    sets: BULK_WRITES,
    frames: SEGMENTS,
    passes: { user: 1, copy: 0, checksum: 0, crypt: 1 },
    cuts: false,
  },
  {
    name: "crypto offload, single-MSS TCP: the clone is linearized all the same",
    preset: "offload-crypto",
    sets: SEGMENT_WRITES,
    frames: SEGMENTS,
    passes: { user: 1, copy: 1, checksum: 0, crypt: 1 },
    cuts: false,
  },
  {
    name: "crypto offload, single-MSS TCP, NIC without HW_ESP_TX_CSUM",
    preset: "offload-crypto",
    sets: [...SEGMENT_WRITES, "nic_tx_csum=off"],
    frames: SEGMENTS,
    passes: { user: 1, copy: 1, checksum: 1, crypt: 1 },
  },
  {
    name: "crypto offload, forward with GRO",
    preset: "offload-crypto",
    sets: FORWARD,
    passes: { user: 0, copy: 0, checksum: 0, crypt: 1 },
    cuts: false,
  },
  {
    name: "crypto offload, forward with GRO, NIC without GSO_ESP",
    preset: "offload-crypto",
    sets: [...FORWARD, "nic_gso_esp=off"],
    passes: { user: 0, copy: 0, checksum: 0, crypt: 1 },
    cuts: true,
  },
  {
    name: "crypto offload, forward with GRO, buffers with a frag_list: software cuts, by reference",
    preset: "offload-crypto",
    sets: [...FORWARD, "gro_overflow=frag-list"],
    passes: { user: 0, copy: 0, checksum: 0, crypt: 1 },
    cuts: true,
  },
  {
    name: "crypto offload, forward without GRO: the trailer is a page fragment, and nothing is copied for it",
    preset: "offload-crypto",
    sets: [...FORWARD, "gro=off"],
    passes: { user: 0, copy: 0, checksum: 0, crypt: 1 },
  },
  {
    name: "crypto offload to a NIC that does not gather: all is copied",
    preset: "offload-crypto",
    sets: [...FORWARD, "nic_sg=off"],
    passes: { user: 0, copy: 1, checksum: 0, crypt: 1 },
    cuts: true,
  },
  {
    name: "packet offload, local",
    preset: "offload-packet",
    sets: BULK_WRITES,
    frames: SEGMENTS,
    passes: { user: 1, copy: 0, checksum: 0, crypt: 1 },
    cuts: false,
  },
  {
    name: "packet offload, single-MSS TCP: no trailer, so no copy",
    preset: "offload-packet",
    sets: SEGMENT_WRITES,
    frames: SEGMENTS,
    passes: { user: 1, copy: 0, checksum: 0, crypt: 1 },
  },
  {
    name: "packet offload, forward",
    preset: "offload-packet",
    sets: FORWARD,
    passes: { user: 0, copy: 0, checksum: 0, crypt: 1 },
    cuts: false,
  },
  {
    name: "packet offload, forward, NIC without TSO: segments by reference",
    preset: "offload-packet",
    sets: [...FORWARD, "nic_tso=off"],
    passes: { user: 0, copy: 0, checksum: 0, crypt: 1 },
    cuts: true,
  },
  ...(["offload-crypto", "offload-packet"] as const).flatMap((preset): Row[] => [
    { name: `${preset}, local receive`, preset, sets: RECEIVE, passes: { user: 1, copy: 0, checksum: 0, crypt: 1 } },
    {
      name: `${preset}, local receive, transport mode`,
      preset,
      sets: [...RECEIVE, "mode=transport"],
      passes: { user: 1, copy: 0, checksum: 0, crypt: 1 },
    },
    {
      name: `${preset}, local receive, the NIC says nothing of checksums`,
      preset,
      sets: [...RECEIVE, "nic_rx_csum=off"],
      passes: { user: 1, copy: 0, checksum: 1, crypt: 1 },
    },
    {
      // With software decryption a clone would be linearized.
      name: `${preset}, cloned RX (raw-socket sniffer)`,
      preset,
      sets: [...RECEIVE, "tap=packet-socket"],
      passes: { user: 1, copy: 0, checksum: 0, crypt: 1 },
    },
    {
      name: `${preset}, ESP in, clear out`,
      preset,
      sets: ONWARD,
      passes: { user: 0, copy: 0, checksum: 0, crypt: 1 },
      cuts: false,
    },
  ]),
];

for (const ip of [4, 6]) {
  for (const { name, preset, sets, frames = CLEAR, passes, cuts } of ROWS) {
    Deno.test(`tables 10.1 and 10.2, ${name}, outer IPv${ip}`, async () => {
      const { run, events } = await runOf(captureOf(frames), preset, [...sets, `ip=${ip}`]);
      assertEquals(run.failures, []);
      const payload = run.tally.sum({ event: "arrive" }).payloadBytes;
      const passesOf = (bytes: number): number => Math.floor(bytes / payload);
      const sum = (event: Parameters<typeof run.tally.sum>[0]["event"]): number => run.tally.sum({ event }).bytes;
      assertEquals(
        run.tally.sum({ event: "send" }).payloadBytes + run.tally.sum({ event: "deliver" }).payloadBytes,
        payload,
      );
      assertEquals({
        user: passesOf(sum("user-copy")),
        copy: passesOf(sum("copy")),
        checksum: passesOf(sum("checksum")),
        crypt: passesOf(sum("seal") + sum("open")),
      }, passes);
      if (cuts !== undefined) assertEquals(run.tally.sum({ event: "segment" }).rows > 0, cuts);
      const crypto = events.rows.filter(({ event }) => event === "seal" || event === "open");
      assertEquals(crypto.filter(({ reason, costPs, cpu }) => reason !== "nic" || costPs > 0 || cpu >= 0), []);
    });
  }
}
