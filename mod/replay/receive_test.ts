/** Path receive as a whole: where packets go, what taps see, and that what is delivered is what was captured. */

import { assertEquals, assertStringIncludes } from "@std/assert";
import fc from "fast-check";
import { REASON } from "../ledger/schema.ts";
import { flowOf, interleaved } from "../stages/testing.ts";
import { datagramsOf, overIpv6 } from "../stages/testing_frames.ts";
import { ETH_HLEN } from "../wire/ethernet.ts";
import * as ipv4 from "../wire/ipv4.ts";
import { bulk, captureOf, DESTINATION, runOf, SOURCE, tcpFrame, type TestRun } from "./testing.ts";
import { receiveCapture } from "./testing_receiver.ts";

const RECEIVE = "path=receive";

/** What was captured behind transport headers, by packet. */
function payloadsOf(frames: readonly Uint8Array[]): Map<number, string> {
  return new Map(frames.map((frame, i) => [i, transportPayload(frame)]));
}

function transportPayload(frame: Uint8Array): string {
  const isIpv6 = frame[12] === 0x86;
  const transportAt = ETH_HLEN + (isIpv6 ? 40 : ipv4.ihlBytes(frame, ETH_HLEN));
  const isTcp = (isIpv6 ? frame[ETH_HLEN + 6] : frame[ETH_HLEN + 9]) === 6;
  const headerBytes = isTcp ? (frame[transportAt + 12]! >> 4) * 4 : 8;
  const end = isIpv6 ? frame.length : ETH_HLEN + ipv4.totalLength(frame, ETH_HLEN);
  return frame.subarray(transportAt + headerBytes, end).toHex();
}

/** The IP packet of a frame as a router sends it on. */
function routed(frame: Uint8Array): string {
  const packet = frame.slice(ETH_HLEN);
  if (packet[0]! >> 4 === 6) packet[7]! -= 1;
  else {
    packet[8]! -= 1;
    ipv4.writeHeaderChecksum(packet, 0);
  }
  return packet.toHex();
}

const sentPackets = ({ sent }: TestRun): string[] => sent.map(({ bytes }) => bytes.subarray(ETH_HLEN).toHex());

const LAYOUTS = ["page-frag", "build-skb", "virtio", "netdev-linear", "kmalloc", "napi-linear", "frags:1", "frags:3"];
const SUITES = ["aes-gcm-128", "aes-gcm-256", "null", "null-sha256"];

const frame = fc.record({
  flow: fc.nat(2),
  isUdp: fc.boolean(),
  isIpv6: fc.boolean(),
  payloadBytes: fc.oneof(fc.nat(1440), fc.constant(1400), fc.constant(0)),
  flags: fc.constantFrom(0x10, 0x18, 0x11),
});

/** A capture of a few flows, TCP segments in order. */
const captures = fc.array(frame, { minLength: 1, maxLength: 40 }).map((fields) => {
  const sequences = [1000, 1000, 1000, 1000, 1000, 1000];
  return fields.map(({ flow, isUdp, isIpv6, payloadBytes, flags }, i) => {
    const stream = flow * 2 + Number(isIpv6);
    const sourcePort = 40000 + flow;
    const ids = { sourcePort, id: i + 1, pattern: i, payloadBytes };
    const made = isUdp ? datagramsOf(1, { 0: ids })[0]! : tcpFrame({ ...ids, flags, sequence: sequences[stream]! });
    if (!isUdp) sequences[stream]! += payloadBytes;
    return isIpv6 ? overIpv6(made) : made;
  });
});

const settings = fc.record({
  era: fc.constantFrom("4.4", "6.1"),
  rx_cow: fc.constantFrom("always", "if-shared"),
  gcm_sg: fc.constantFrom("native", "single"),
  gro: fc.constantFrom("on", "off"),
  udp_gro: fc.constantFrom("off", "forward", "frag-list"),
  esp_gro: fc.constantFrom("on", "off"),
  gro_overflow: fc.constantFrom("frag-list", "stop"),
  napi_weight: fc.constantFrom(1, 3, 64),
  nic_rx_csum: fc.constantFrom("on", "off"),
  rx_layout: fc.constantFrom(...LAYOUTS, "hdrsplit:2"),
  mode: fc.constantFrom("tunnel", "transport"),
  ip: fc.constantFrom(4, 6),
  cipher: fc.constantFrom(...SUITES),
  tap: fc.constantFrom("none", "mmap", "packet-socket"),
}).map((values) => Object.entries(values).map(([key, value]) => `${key}=${value}`));

const ALL_LOCAL = ["local=0.0.0.0/0"];

Deno.test("what sockets get is what was captured, whatever the layout, era, mode, suite and tap", async () => {
  await fc.assert(
    fc.asyncProperty(captures, settings, async (frames, sets) => {
      const ipv4Frames = frames.filter((each) => each[12] === 0x08);
      const { payloads } = await receiveCapture(captureOf(ipv4Frames), "baseline", [...sets, ...ALL_LOCAL]);
      assertEquals([...payloads].sort(([a], [b]) => a - b), [...payloadsOf(ipv4Frames)]);
      const ipv6Frames = frames.filter((each) => each[12] === 0x86);
      const six = await receiveCapture(captureOf(ipv6Frames), "baseline", [...sets, "local=::/0"]);
      assertEquals([...six.payloads].sort(([a], [b]) => a - b), [...payloadsOf(ipv6Frames)]);
    }),
    { numRuns: 60 },
  );
});

Deno.test("runs of random captures and settings break no law, and forward what was captured", async () => {
  const nic = fc.record({ sg: fc.boolean(), tso: fc.boolean(), fragList: fc.boolean() });
  await fc.assert(
    fc.asyncProperty(captures, settings, nic, async (frames, sets, { sg, tso, fragList }) => {
      const onOff = (name: string, value: boolean): string => `${name}=${value ? "on" : "off"}`;
      // Of packets that were chained whole only the first has its time to live decremented, as in Linux.
      const joined = sets.filter((each) => each !== "udp_gro=frag-list");
      const device = [onOff("nic_sg", sg), onOff("nic_tso", tso), onOff("nic_fraglist", fragList)];
      const clear = frames.filter((each) => each[12] === 0x08);
      const sockets = await runOf(captureOf(clear), "baseline", [RECEIVE, ...sets, ...ALL_LOCAL]);
      assertEquals(sockets.run.failures, []);
      const testRun = await runOf(captureOf(clear), "baseline", [
        ...[RECEIVE, ...joined, ...ALL_LOCAL, "mode=tunnel", "then=forward", ...device],
      ]);
      assertEquals(testRun.run.failures, []);
      assertEquals(sentPackets(testRun).toSorted(), clear.map(routed).toSorted());
    }),
    { numRuns: 40 },
  );
});

Deno.test("a flow that is merged goes on as it came: cut by the NIC, by reference, or by copying", async () => {
  const frames = flowOf(40, { 20: { flags: 0x18 }, 39: { payloadBytes: 7 } });
  const features = [
    ["nic_tso=on"],
    ["nic_tso=off"],
    ["nic_sg=off"],
    ["nic_fraglist=on", "rx_layout=kmalloc"],
    ["nic_fraglist=off", "rx_layout=kmalloc"],
  ];
  for (const sets of features) {
    const testRun = await runOf(captureOf(frames), "linux-6.1", [RECEIVE, "then=forward", ...sets]);
    assertEquals(testRun.run.failures, []);
    assertEquals(sentPackets(testRun), frames.map(routed), sets.join(" "));
  }
});

Deno.test("then=forward with TSO copies no payload and hands the NIC whole aggregates; without SG all of it is copied", async () => {
  const input = captureOf(bulk(34));
  const copied = async (...sets: string[]): Promise<[number, number, number]> => {
    const { run, events } = await runOf(input, "linux-6.1", [RECEIVE, "then=forward", "rx_layout=build-skb", ...sets]);
    const driver = events.of("visit").filter(({ stage }) => stage === "driver-tx").length;
    return [run.tally.sum({ event: "copy" }).bytes, run.tally.sum({ event: "segment" }).rows, driver];
  };
  // 18 segments fill an skb of its own linear part and 17 fragments; the next packet begins a frag_list.
  assertEquals(await copied("build_frags=17", "gro_overflow=stop"), [0, 0, 2]);
  assertEquals(await copied("nic_tso=off", "gro_overflow=stop"), [2 * 1460, 34, 34]);
  assertEquals(await copied("nic_sg=off"), [34 * 1460, 34, 34]);
});

Deno.test("CWR is in the first segment only that a NIC or software cuts, FIN and PSH in the last", async () => {
  const frames = flowOf(6, { 0: { flags: 0x90 }, 5: { flags: 0x19 } });
  for (const sets of [["nic_tso=on"], ["nic_tso=off"]]) {
    const testRun = await runOf(captureOf(frames), "linux-6.1", [RECEIVE, "then=forward", ...sets]);
    assertEquals(testRun.events.of("merge").length, 5);
    assertEquals(sentPackets(testRun), frames.map(routed));
  }
});

Deno.test("of datagrams that were chained whole, only the first has its time to live decremented", async () => {
  const frames = datagramsOf(4);
  const sets = [RECEIVE, "then=forward", "udp_gro=frag-list", "rx_layout=kmalloc"];
  const testRun = await runOf(captureOf(frames), "linux-6.1", sets);
  const [first, ...others] = frames;
  assertEquals(sentPackets(testRun), [routed(first!), ...others.map((each) => each.slice(ETH_HLEN).toHex())]);
  assertEquals([testRun.run.failures, testRun.events.copies], [[], {}]);
});

Deno.test("era 4.4 delivers packet by packet, 6.1 merges what was decrypted; the ESP handler does so in either", async () => {
  const buffers = async (...sets: string[]): Promise<number> => {
    const { run, events } = await runOf(captureOf(bulk(40)), "linux-4.4", [RECEIVE, ...sets]);
    assertEquals(run.tally.sum({ event: "deliver" }).payloadBytes, 40 * 1460);
    return events.of("visit").filter(({ stage }) => stage === "local-in").length;
  };
  assertEquals(await buffers(), 40);
  assertEquals(await buffers("mode=transport"), 40);
  assertEquals(await buffers("esp_gro=on"), 1);
  assertEquals(await buffers("era=6.1"), 1);
  assertEquals(await buffers("era=6.1", "mode=transport"), 40);
  assertEquals(await buffers("era=6.1", "mode=transport", "esp_gro=on"), 1);
  assertEquals(await buffers("era=6.1", "gro=off"), 40);
});

Deno.test("taps see ESP and then the clear packet, with the ESP handler clear aggregates only", async () => {
  const seen = async (...sets: string[]): Promise<number[]> => {
    const { run } = await runOf(captureOf(bulk(16)), "linux-6.1", [RECEIVE, "tap=mmap", ...sets]);
    return [REASON.tapEsp, REASON.tapPlain].map((reason) => run.tally.sum({ event: "tap", reason }).rows);
  };
  assertEquals(await seen(), [16, 1]);
  assertEquals(await seen("esp_gro=on"), [0, 1]);
  assertEquals(await seen("era=4.4"), [16, 16]);
  // No second netif_receive_skb.
  assertEquals(await seen("mode=transport"), [16, 0]);
});

Deno.test("tap=mmap copies whole frames, counted as tap-copy; tap=packet-socket makes ESP input copy linear buffers", async () => {
  const frames = captureOf(bulk(16));
  const copies = async (...sets: string[]): Promise<Record<string, number>> => {
    return (await runOf(frames, "linux-6.1", [RECEIVE, "rx_layout=kmalloc", ...sets])).events.copies;
  };
  // 16 frames of 1570 bytes as ESP, and the aggregate of 16 * 1460 + 54 bytes.
  assertEquals(await copies("tap=mmap"), { "napi tap-copy": 16 * 1570 + 16 * 1460 + 54 });
  assertEquals(await copies("tap=packet-socket"), { "esp-input expand-head": 16 * (64 + 1570) });
  assertEquals(await copies("tap=packet-socket", "esp_gro=on"), {});
});

Deno.test("a packet socket holds no more than its receive buffer", async () => {
  const sets = [RECEIVE, "rx_layout=kmalloc", "tap=packet-socket", "mode=transport"];
  const { events } = await runOf(captureOf(bulk(400)), "linux-6.1", sets);
  const twins = new Set(events.of("clone").map(({ into }) => into));
  let held = 0;
  let most = 0;
  for (const { event, skb } of events.rows) {
    if (event === "clone") held += 1;
    if (event === "free" && twins.has(skb)) held -= 1;
    most = Math.max(most, held);
  }
  assertEquals([twins.size, held, most], [400, 0, Math.floor(212992 / (256 + 2048))]);
});

Deno.test("bad checksums are dropped at the socket, and forwarded all the same", async () => {
  const frames = flowOf(6, { 2: { checksumError: 1 } });
  const sockets = await runOf(captureOf(frames), "linux-6.1", [RECEIVE]);
  assertEquals(sockets.events.of("drop").map(({ reason, packet }) => `${reason} ${packet}`), ["bad-checksum 2"]);
  assertEquals(sockets.run.failures, []);
  const forwarded = await runOf(captureOf(frames), "linux-6.1", [RECEIVE, "then=forward"]);
  assertEquals(sentPackets(forwarded).toSorted(), frames.map(routed).toSorted());
});

Deno.test("UDP is summed while it is read, TCP before; what GRO has verified is not summed again", async () => {
  const sums = async (frames: readonly Uint8Array[], ...sets: string[]): Promise<string[]> => {
    const { events } = await runOf(captureOf(frames), "linux-4.4", [RECEIVE, ...sets]);
    return [...new Set(events.of("checksum").map(({ stage, reason, bytes }) => `${stage} ${reason} ${bytes}`))];
  };
  assertEquals(await sums(bulk(3)), ["local-in tcp-verify 1480"]);
  assertEquals(await sums(datagramsOf(3)), ["local-in fused-read 1008"]);
  assertEquals(await sums(bulk(3), "era=6.1"), ["gro gro-verify 1480"]);
  assertEquals(await sums(datagramsOf(3, {}, { withoutChecksum: true })), []);
});

Deno.test("user copies are counted apart from copies inside the stack", async () => {
  const { run, events } = await runOf(captureOf(bulk(10)), "linux-6.1", [RECEIVE, "rx_layout=build-skb"]);
  assertEquals([run.tally.sum({ event: "user-copy" }).bytes, events.copies], [14600, {}]);
});

Deno.test("path receive takes what is addressed to local, and ignores the rest; auto is who was sent more", async () => {
  const towards = bulk(5);
  const back = bulk(3, { payloadBytes: 10, source: DESTINATION, destination: SOURCE });
  const input = captureOf([...towards, ...back]);
  const taken = async (...sets: string[]): Promise<[number, number]> => {
    const { run } = await runOf(input, "nocopy", [RECEIVE, ...sets]);
    assertEquals(run.failures, []);
    return [run.tally.sum({ event: "deliver" }).count, run.tally.sum({ event: "arrive" }).count];
  };
  assertEquals(await taken(), [5, 8]);
  assertEquals(await taken("local=203.0.113.0/24"), [5, 8]);
  assertEquals(await taken("local=198.51.100.1"), [3, 8]);
  assertEquals(await taken("local=0.0.0.0/0"), [8, 8]);
});

Deno.test("frames that are not IP pass by, on their own way up", async () => {
  const arp = new Uint8Array(60);
  arp.set([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1, 8, 6]);
  const { run } = await runOf(captureOf([...bulk(2), arp, ...bulk(2)]), "linux-6.1", [RECEIVE]);
  assertEquals(run.failures, []);
  assertEquals(run.tally.sum({ event: "deliver" }).count, 5);
});

Deno.test("a flow that GRO sends up in parts keeps its order, over all queues", async () => {
  const frames = interleaved(12, 20, { payloadBytes: 700 });
  for (const sets of [["linux-4.4"], ["linux-6.1"], ["linux-6.1-module"], ["linux-6.1", "mode=transport"]]) {
    const [preset, ...rest] = sets;
    const { run } = await runOf(captureOf(frames), preset!, [RECEIVE, ...rest]);
    assertEquals([run.failures, run.delivery.reordered, run.delivery.delivered], [[], 0, 240]);
  }
});

Deno.test("with many frames waiting no queue of a receiver overflows under pace=max", async () => {
  for (const sets of [["linux-4.4"], ["linux-6.1"], ["linux-6.1", "mode=transport"], ["linux-6.1", "then=forward"]]) {
    const [preset, ...rest] = sets;
    const { run } = await runOf(captureOf(bulk(3000)), preset!, [RECEIVE, "rx_ring=4096", "engine=skip", ...rest]);
    assertEquals([run.failures, run.tally.sum({ event: "drop" }).count], [[], 0], sets.join(" "));
  }
});

Deno.test("transport mode with then=forward is refused with the reason", async () => {
  const refusal = await runOf(captureOf(bulk(1)), "nocopy", [RECEIVE, "then=forward", "mode=transport"])
    .then(() => "", (error: Error) => error.message);
  assertStringIncludes(refusal, "transport mode ends at the host that packets are addressed to");
});
