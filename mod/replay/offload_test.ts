/** NIC offload over whole runs: the same frames as software, the driver's veto, what has no fallback, and what a busy driver does. */

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { sealEspPacket } from "../esp/esp_packet.ts";
import { testSecurityAssociation } from "../esp/sa.ts";
import { ENGINES } from "../crypto/engines.ts";
import { bulk, captureOf, runOf, tcpFrame, type TestRun } from "./testing.ts";
import { datagramsOf } from "../stages/testing_frames.ts";
import { TIMESTAMPS } from "./testing_streams.ts";

const SOFTWARE = "linux-6.1-module";
/** A record route option that is not used, 4 bytes. */
const IP_OPTIONS = new Uint8Array([7, 3, 4, 0]);
const FRAMES = [
  ...bulk(40, { options: TIMESTAMPS, payloadBytes: 1394 }),
  tcpFrame({ sequence: 1000 + 40 * 1394, options: TIMESTAMPS, payloadBytes: 333, id: 41 }),
  tcpFrame({ sequence: 1000 + 40 * 1394 + 333, options: TIMESTAMPS, payloadBytes: 0, id: 42 }),
];

/** Everything but the id of the outer IPv4 header and its checksum: a NIC that makes that header does not count ids where DF is set. */
function framesOf({ sent }: TestRun): string[] {
  return sent.map(({ bytes }) => {
    const frame = bytes.slice();
    if (frame[14] === 0x45) frame.fill(0, 18, 20).fill(0, 24, 26);
    return frame.toHex();
  });
}

function sequencesOf({ sent }: TestRun): number[] {
  return sent.map(({ bytes }) => new DataView(bytes.buffer).getUint32(14 + 20 + 4));
}

/** What a NIC can do, and which preset has it. */
const DEVICES: readonly (readonly [preset: string, ...sets: string[]])[] = [
  ["offload-crypto"],
  ["offload-crypto", "nic_gso_esp=off"],
  ["offload-crypto", "nic_tx_csum=off"],
  ["offload-crypto", "nic_sg=off"],
  ["offload-packet"],
  ["offload-packet", "nic_tso=off"],
  ["offload-packet", "nic_tx_csum=off"],
  ["offload-packet", "nic_sg=off"],
];

for (const [preset, ...device] of DEVICES) {
  for (const sa of [["ip=4"], ["ip=6", "esn=on"], ["mode=transport", "cipher=aes-gcm-128"]]) {
    for (const path of ["forward", "send"]) {
      const sets = [`path=${path}`, "oversize=grow", "mtu=1600", ...sa];
      Deno.test(`${[preset, ...device, ...sets].join(" ")}: the frames are those of software, byte for byte`, async () => {
        const software = await runOf(captureOf(FRAMES), SOFTWARE, sets);
        const offloaded = await runOf(captureOf(FRAMES), preset, [...sets, ...device]);
        assertEquals([software.run.failures, offloaded.run.failures], [[], []]);
        assertEquals(framesOf(offloaded), framesOf(software));
        const { tally } = offloaded.run;
        assertEquals(tally.sum({ event: "seal" }).bytes, software.run.tally.sum({ event: "seal" }).bytes);
        assertEquals(tally.sum({ event: "seal" }).costPs, 0);
      });
    }
  }
}

Deno.test("datagrams of a socket whose checksum the NIC fills in are those of software, byte for byte", async () => {
  const datagrams = datagramsOf(4, { 1: { payloadBytes: 1 }, 2: { payloadBytes: 333 }, 3: { payloadBytes: 1300 } });
  for (const mode of ["mode=tunnel", "mode=transport"]) {
    const software = await runOf(captureOf(datagrams), SOFTWARE, ["path=send", mode]);
    for (const [preset, ...device] of DEVICES) {
      const offloaded = await runOf(captureOf(datagrams), preset, ["path=send", mode, ...device]);
      assertEquals(framesOf(offloaded), framesOf(software));
      const isSummed = device.includes("nic_tx_csum=off");
      assertEquals(offloaded.run.tally.sum({ event: "checksum" }).bytes > 0, isSummed);
    }
  }
});

const WITH_OPTIONS = [
  ...bulk(3),
  tcpFrame({ sequence: 9000, id: 9, ipOptions: IP_OPTIONS, source: 0x0a000001 }),
  tcpFrame({ sequence: 20000, id: 10, source: 0x0a000002 }),
];

Deno.test("offload=crypto: what the driver refuses is encrypted by software, and counted", async () => {
  const test = await runOf(captureOf(WITH_OPTIONS), "offload-crypto");
  assertEquals(test.run.failures, []);
  assertEquals(test.sent.length, WITH_OPTIONS.length);
  const vetoed = test.events.rows.filter(({ reason }) => reason === "offload-veto");
  assertEquals(vetoed.map(({ event, packet, count }) => [event, packet, count]), [["reject", 3, 1]]);
  const seals = test.events.rows.filter(({ event }) => event === "seal");
  assertEquals(seals.filter(({ reason }) => reason !== "nic").map(({ packet, costPs }) => [packet, costPs > 0]), [[
    3,
    true,
  ]]);
});

Deno.test("offload=packet has no fallback: what the driver refuses is dropped", async () => {
  const test = await runOf(captureOf(WITH_OPTIONS), "offload-packet");
  assertEquals(test.run.failures, []);
  const drops = test.events.rows.filter(({ event }) => event === "drop");
  assertEquals(drops.map(({ packet, reason, stage }) => [packet, reason, stage]), [[3, "no-fallback", "xfrm-output"]]);
  assertEquals(test.sent.length, WITH_OPTIONS.length - 1);
});

for (const overflow of ["frag-list", "stop"]) {
  Deno.test(`gro_overflow=${overflow} with offload: only buffers without a frag_list reach the NIC whole`, async () => {
    const sets = [`gro_overflow=${overflow}`, "rx_layout=kmalloc"];
    for (const preset of ["offload-crypto", "offload-packet"]) {
      const { run } = await runOf(captureOf(bulk(40)), preset, sets);
      assertEquals(run.failures, []);
      // A kmalloc head takes no page: with a list software cuts by reference, without one nothing is merged.
      assertEquals(run.tally.sum({ event: "segment" }).rows, overflow === "frag-list" ? 40 : 0);
    }
  });
}

Deno.test("a busy driver gets what the NIC is to encrypt once more, and its trailer is made once", async () => {
  for (const preset of ["offload-crypto", "offload-packet"]) {
    for (const device of ["nic_gso_esp=on", "nic_gso_esp=off"]) {
      const calm = await runOf(captureOf(FRAMES), preset, [device]);
      const busy = await runOf(captureOf(FRAMES), preset, [device, "tx_fault=busy:3", "tx_ring=32"]);
      assertEquals(busy.run.failures, []);
      assert(busy.run.tally.sum({ event: "requeue" }).rows > 0);
      assertEquals(busy.run.tally.sum({ event: "tail" }).rows, calm.run.tally.sum({ event: "tail" }).rows);
      // A NIC that counts sequence numbers itself does so in the order of the wire; those of the stack are out of order then.
      if (preset === "offload-packet") assertEquals(sequencesOf(busy), FRAMES.map((_, i) => i + 1));
      else assertEquals(framesOf(busy).toSorted(), framesOf(calm).toSorted());
    }
  }
});

Deno.test("a packet that the NIC cannot open is dropped: by the stack with crypto offload, by the NIC with packet offload", async () => {
  const sa = testSecurityAssociation({ seed: 1, mode: "tunnel" });
  const aead = sa.aead(ENGINES.noble);
  const frames = bulk(4).map((clear) => {
    const packet = sealEspPacket(clear.subarray(14), sa, aead, sa.nextSequence(), 0);
    const frame = new Uint8Array(14 + packet.length);
    frame.set(clear.subarray(0, 14));
    frame.set(packet, 14);
    return frame;
  });
  frames[2]![600]! ^= 1;
  const sets = ["path=receive", "replay_window=64"];
  for (const [preset, stage] of [["offload-crypto", "esp-input"], ["offload-packet", "nic"]] as const) {
    const { run, events } = await runOf(captureOf([...frames, frames[1]!]), preset, sets);
    assertEquals(run.failures, []);
    const drops = events.rows.filter(({ event }) => event === "drop");
    assertEquals(drops.map((row) => [row.packet, row.reason, row.stage]), [[2, "nic-status", stage], [
      4,
      "replay",
      stage,
    ]]);
    assertEquals(run.tally.sum({ event: "deliver" }).count, 3);
  }
});

Deno.test("path=host-to-host: a NIC on either side encrypts and decrypts, and no CPU does", async () => {
  for (const preset of ["offload-crypto", "offload-packet"]) {
    for (const mode of ["tunnel", "transport"]) {
      const { run, events } = await runOf(captureOf(FRAMES), preset, ["path=host-to-host", `mode=${mode}`]);
      assertEquals(run.failures, []);
      assertEquals(run.tally.sum({ event: "deliver" }).payloadBytes, run.tally.sum({ event: "arrive" }).payloadBytes);
      const crypto = events.rows.filter(({ event }) => event === "seal" || event === "open");
      assert(crypto.length > FRAMES.length);
      assertEquals(crypto.filter(({ reason, costPs }) => reason !== "nic" || costPs > 0), []);
    }
  }
});

/** Frames of one flow with holes, options, and lengths of any kind. */
const frameList = fc.array(fc.record({ payloadBytes: fc.constantFrom(0, 1, 100, 1394, 1460), kind: fc.nat(20) }), {
  minLength: 1,
  maxLength: 30,
}).map((list) => {
  let sequence = 1;
  return list.map(({ payloadBytes, kind }, i) => {
    const frame = tcpFrame({ sequence, payloadBytes, id: i, ...(kind === 0 ? { ipOptions: IP_OPTIONS } : {}) });
    sequence += payloadBytes + (kind === 1 ? 1 : 0);
    return frame;
  });
});

const anySets = fc.tuple(
  fc.constantFrom("path=forward", "path=send", "path=receive", "path=host-to-host"),
  fc.constantFrom("mode=tunnel", "mode=transport"),
  fc.constantFrom("ip=4", "ip=6"),
  fc.constantFrom("era=4.4", "era=6.1"),
  fc.constantFrom("esn=on", "esn=off"),
  fc.constantFrom("nic_gso_esp=on", "nic_gso_esp=off"),
  fc.constantFrom("nic_tx_csum=on", "nic_tx_csum=off"),
  fc.constantFrom("nic_sg=on", "nic_sg=off"),
  fc.constantFrom("nic_tso=on", "nic_tso=off"),
  fc.constantFrom("nic_fraglist=on", "nic_fraglist=off"),
  fc.constantFrom("gro_overflow=frag-list", "gro_overflow=stop"),
  fc.constantFrom("rx_layout=page-frag", "rx_layout=kmalloc", "rx_layout=frags:3", "rx_layout=build-skb"),
  fc.constantFrom("oversize=grow", "oversize=drop"),
  fc.constantFrom("qdisc=pfifo", "qdisc=noqueue", "qdisc=fq_codel"),
  fc.constantFrom("tx_fault=none", "tx_fault=busy:2", "tx_fault=stopped:0.05"),
  fc.constantFrom("tx_ring=8", "tx_ring=512"),
  fc.constantFrom("net_cpus=1", "net_cpus=3"),
  fc.constantFrom("gso=l2", "gso=xfrm"),
);

Deno.test("the laws hold, and every packet opens again, whatever the NIC can do", async () => {
  await fc.assert(
    fc.asyncProperty(
      frameList,
      fc.constantFrom("offload-crypto", "offload-packet"),
      anySets,
      async (frames, preset, sets) => {
        const { run } = await runOf(captureOf(frames), preset, sets);
        assertEquals(run.failures, []);
      },
    ),
    { numRuns: 300 },
  );
});
