/** Super-packets: recognised, played as aggregates, cut at the right place, and counted once. */

import { assert, assertEquals } from "@std/assert";
import { buildPcap } from "../capture/testing.ts";
import { PRESETS } from "../config/presets.ts";
import { resolveConfig } from "../config/resolve.ts";
import { PROFILES } from "../cost/profiles.ts";
import { type PacketRecord, Packets } from "../ledger/packets.ts";
import { innerPackets } from "../stages/testing.ts";
import { overIpv6, udpFrame } from "../stages/testing_frames.ts";
import { set16 } from "../wire/bytes.ts";
import { ETH_HLEN } from "../wire/ethernet.ts";
import * as ip from "../wire/ip.ts";
import * as ipv4 from "../wire/ipv4.ts";
import { PROTOCOL_TCP } from "../wire/ip_protocol.ts";
import * as tcp from "../wire/tcp.ts";
import { transportChecksumOk } from "../wire/transport_checksum.ts";
import { explain } from "./explain.ts";
import { bulk, captureOf, inputOf, runOf, tcpFrame, type TestRun } from "./testing.ts";

const OFFLOADS = Deno.readFileSync(new URL("../../fixtures/offloads-tcp-ipv4.pcap", import.meta.url));
const PSH_ACK = tcp.FLAG_PSH | tcp.FLAG_ACK;

async function played(
  frames: readonly Uint8Array[],
  preset = "nocopy",
  sets: readonly string[] = [],
): Promise<TestRun> {
  const testRun = await runOf(captureOf(frames), preset, sets);
  assertEquals(testRun.run.failures, []);
  return testRun;
}

/** Payload lengths of what left, in order. */
function payloads(testRun: TestRun): number[] {
  return innerPackets(testRun).map((packet) => {
    const at = ip.isIpv6(packet, 0) ? 40 : ipv4.ihlBytes(packet, 0);
    assert(transportChecksumOk(packet, 0, PROTOCOL_TCP, at, packet.length - at));
    return packet.length - at - tcp.dataOffsetBytes(packet, at);
  });
}

/** The warning about super-packets. */
function warning({ run }: TestRun): string | undefined {
  return run.warnings.find((text) => text.includes("super-packets"));
}

for (const preset of Object.keys(PRESETS)) {
  for (const sets of [["pace=max"], ["rx_layout=virtio", "pace=line"], ["rx_layout=kmalloc", "era=6.1"]]) {
    Deno.test(`the offloads fixture plays, payload out = payload in (${[preset, ...sets].join(" ")})`, async () => {
      const records: PacketRecord[] = [];
      const fold = new Packets((record) => records.push(record));
      const options = { foldsBeside: [fold] };
      const testRun = await runOf(inputOf(OFFLOADS), preset, ["oversize=grow", "engine=skip", ...sets], options);
      const { run } = testRun;
      fold.finish();
      assertEquals(run.failures, []);
      assertEquals(run.tally.sum({ event: "send" }).payloadBytes, 400 * 1448);
      assertEquals(payloads(testRun).reduce((sum, bytes) => sum + bytes, 0), 400 * 1448);
      assertEquals(records.map(({ packet, outcome }) => [packet, outcome]), records.map((_, i) => [i, "sent"]));
      assertEquals(records.reduce((sum, record) => sum + record.segments, 0), run.tally.sum({ event: "segment" }).rows);
      assertEquals(records.reduce((sum, record) => sum + record.costPs, 0), run.tally.costPs);
      // A NIC that encrypts cuts them.
      const cut = PRESETS[preset]!.settings.offload === "none" ? 401 : 0;
      assertEquals([run.tally.sum({ event: "segment" }).rows, run.delivery.frames], [cut, 401 + 26]);
    });
  }
}

Deno.test("a super-packet is one captured packet of many segments, which leaves with its last byte", async () => {
  const records: PacketRecord[] = [];
  const fold = new Packets((record) => records.push(record));
  const frames = [tcpFrame({ payloadBytes: 5000, flags: PSH_ACK })];
  const { events, run } = await runOf(captureOf(frames), "nocopy", [], { foldsBeside: [fold] });
  fold.finish();
  assertEquals(run.failures, []);
  const sends = events.of("send");
  assertEquals(sends.map(({ packet, count, payloadBytes }) => [packet, count, payloadBytes]), [
    [0, 0, 0],
    [0, 0, 0],
    [0, 0, 0],
    [0, 1, 5000],
  ]);
  const [record] = records;
  assertEquals([record!.segments, record!.tLeaveNs, record!.outcome], [4, sends[3]!.tNs, "sent"]);
  assertEquals([run.delivery.frames, run.delivery.latency.percentile(50)! > sends[2]!.tNs], [4, true]);
});

Deno.test("the segment size is the largest payload of the flow that did not push, else what fits the MTU", async () => {
  const large = { payloadBytes: 3000, sequence: 50_000 };
  const sizes = async (...before: Uint8Array[]): Promise<number[]> => {
    return payloads(await played([...before, tcpFrame(large)])).slice(before.length);
  };
  assertEquals(await sizes(), [1460, 1460, 80]);
  assertEquals(await sizes(tcpFrame({ payloadBytes: 1000 })), [1000, 1000, 1000]);
  assertEquals(await sizes(tcpFrame({ payloadBytes: 1000 }), tcpFrame({ payloadBytes: 1200 })), [1200, 1200, 600]);
  assertEquals(await sizes(tcpFrame({ payloadBytes: 1200 }), tcpFrame({ payloadBytes: 1000 })), [1200, 1200, 600]);
  assertEquals(await sizes(tcpFrame({ payloadBytes: 1000, flags: PSH_ACK })), [1460, 1460, 80]);
  assertEquals(await sizes(tcpFrame({ payloadBytes: 1000, sourcePort: 7 })), [1460, 1460, 80]);
  assertEquals(await sizes(tcpFrame({ payloadBytes: 87 })), [1460, 1460, 80]);
  const timestamps = { options: Uint8Array.of(1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2) };
  assertEquals(payloads(await played([tcpFrame({ ...large, ...timestamps })])), [1448, 1448, 104]);
  assertEquals(payloads(await played([overIpv6(tcpFrame(large))])), [1440, 1440, 120]);
  assertEquals(payloads(await played([tcpFrame(large)], "nocopy", ["mtu=2000"])), [1960, 1040]);
});

Deno.test("sequence numbers, ids and flags of the segments are those that the sender's NIC would have made", async () => {
  const fields = { payloadBytes: 4000, sequence: 0xffffff00, id: 0xffff, flags: PSH_ACK | tcp.FLAG_FIN };
  const packets = innerPackets(await played([tcpFrame(fields)]));
  assertEquals(packets.map((packet) => tcp.sequence(packet, 20)), [0xffffff00, 1204, 2664]);
  assertEquals(packets.map((packet) => ipv4.id(packet, 0)), [0xffff, 0, 1]);
  assertEquals(packets.map((packet) => tcp.flags(packet, 20)), [0x10, 0x10, 0x19]);
});

Deno.test("what cannot be cut like TCP is dropped at the door, and counted apart", async () => {
  const jumbo = tcpFrame({ payloadBytes: 3000 });
  ipv4.setTotalLength(jumbo, ETH_HLEN, 0);
  ipv4.writeHeaderChecksum(jumbo, ETH_HLEN);
  const jumbo6 = overIpv6(tcpFrame({ payloadBytes: 3000 }));
  set16(jumbo6, ETH_HLEN + 4, 0);
  const refused = [
    jumbo,
    jumbo6,
    udpFrame({ payloadBytes: 3000 }),
    tcpFrame({ payloadBytes: 3000, fragmentWord: 0x2000 }),
    tcpFrame({ payloadBytes: 3000, flags: tcp.FLAG_SYN }),
    tcpFrame({ payloadBytes: 3000, flags: tcp.FLAG_RST | tcp.FLAG_ACK }),
    tcpFrame({ payloadBytes: 3000, padding: 10 }),
    tcpFrame({ payloadBytes: 10, padding: 3000 }),
  ];
  const testRun = await played([...refused, tcpFrame({ payloadBytes: 3000 })], "nocopy-gro");
  const drops = testRun.events.of("drop").map(({ packet, stage, reason }) => `${packet} ${stage} ${reason}`);
  assertEquals(drops, refused.map((_, i) => `${i} rx-ring above-mtu`));
  assertEquals(testRun.run.warnings.filter((text) => text.includes("super-packets")), [
    "1 packets are larger than the MTU of 1500 (super-packets of a host with offloads): they arrive as aggregates of 3 segments",
    "8 packets are larger than the MTU of 1500 (super-packets of a host with offloads): dropped",
  ]);
});

Deno.test("a length that only the record claims allocates nothing", async () => {
  const frame = tcpFrame();
  const record = { seconds: 1, fraction: 0, bytes: frame, originalLength: 0xffffffff };
  for (const sets of [[], ["oversize=mss"]]) {
    const { run, events } = await runOf(inputOf(buildPcap({}, [record])), "nocopy", sets);
    assertEquals([run.failures, events.of("drop").map(({ reason }) => reason)], [[], ["above-mtu"]]);
  }
});

Deno.test("super-packets are received into pages, with their headers pulled as the layout does", async () => {
  const frames = [tcpFrame({ payloadBytes: 65495 }), overIpv6(tcpFrame({ payloadBytes: 65515 }))];
  for (const [layout, bytes] of [["page-frag", [56, 80]], ["virtio", [128, 128]], ["build-skb", [56, 80]]] as const) {
    for (const era of ["4.4", "6.1"]) {
      const testRun = await played(frames, "nocopy", [`rx_layout=${layout}`, `era=${era}`]);
      const copies = testRun.events.of("copy").filter(({ stage }) => stage === "driver-rx");
      assertEquals(copies.map((copy) => copy.bytes), [...bytes], layout);
      const told = warning(testRun)!.endsWith("in page fragments whatever rx_layout=build-skb");
      assertEquals(told, layout === "build-skb");
    }
  }
  const request = { input: captureOf(frames), resolved: resolveConfig({ preset: "nocopy", sets: [] }) };
  const life = await explain({ ...request, profile: PROFILES.get("published")! }, 1);
  const shapes = life.chapters.flatMap(({ steps }) => steps.flatMap((step) => "shape" in step ? [step.shape] : []));
  assertEquals(shapes[0]!.frags, [4042, ...Array<number>(15).fill(4096), 13]);
  assertEquals([shapes[0]!.linear, shapes[0]!.gsoSize], [40, 1460]);
});

Deno.test("bytes of a super-packet that the snap length cut off are filled in", async () => {
  const frame = tcpFrame({ payloadBytes: 4000 });
  const record = { seconds: 1, fraction: 0, bytes: frame.subarray(0, 200), originalLength: frame.length };
  const testRun = await runOf(inputOf(buildPcap({}, [record])), "nocopy-gro");
  assertEquals([testRun.run.failures, payloads(testRun)], [[], [1460, 1460, 1080]]);
  const sent = innerPackets(testRun).flatMap((packet) => [...packet.subarray(40)]);
  assertEquals(sent, [...frame.subarray(54, 200), ...Array<number>(4000 - 146).fill(0x5a)]);
  assert(testRun.run.warnings.some((text) => text.startsWith("1 packets lack bytes")));
});

Deno.test("GRO of 6.1 joins super-packets of one segment size, that of 4.4 passes them on", async () => {
  // Two packets in front tell 6.1 that the ids count: of an aggregate with DF that comes first it takes that they do not.
  const frames = [0, 1, 2].map((i) => tcpFrame({ payloadBytes: 4380, sequence: 3920 + 4380 * i, id: 3 + 3 * i }));
  const merges = async (era: string): Promise<number> => {
    const testRun = await played([...bulk(2), ...frames], "nocopy-gro", [`era=${era}`]);
    assertEquals(payloads(testRun), Array<number>(11).fill(1460));
    return testRun.events.of("merge").length;
  };
  assertEquals([await merges("4.4"), await merges("6.1")], [1, 4]);
});

Deno.test("segments dropped at a full queue lose the packet that ends in them, and nothing else", async () => {
  const frames = Array.from({ length: 30 }, (_, i) => tcpFrame({ payloadBytes: 14600, sequence: 1000 + 14600 * i }));
  for (const preset of ["nocopy", "nocopy-gro-gso", "linux-6.1"]) {
    const sets = ["oversize=grow", "pace=rate:8", "link_gbps=1", "qdisc_limit=6", "tx_ring=4"];
    const { run, events } = await played(frames, preset, sets);
    const lost = events.of("drop").filter(({ reason }) => reason === "queue-limit");
    assert(lost.length > 0, preset);
    assertEquals(run.tally.sum({ event: "drop" }).count + run.tally.sum({ event: "send" }).count, 30);
  }
});

Deno.test("pace=max loses no segment of a super-packet that the queue can take", async () => {
  const frames = Array.from({ length: 30 }, (_, i) => tcpFrame({ payloadBytes: 14600, sequence: 1000 + 14600 * i }));
  for (const preset of Object.keys(PRESETS)) {
    const sets = ["oversize=grow", "link_gbps=0.5", "qdisc_limit=40", "tx_ring=8"];
    const { events } = await played(frames, preset, sets);
    assertEquals(events.of("drop"), [], preset);
  }
});
