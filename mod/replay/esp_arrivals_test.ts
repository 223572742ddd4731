/** What arrives at a receiver: captured ESP as it is, clear packets sealed before, each counted once. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { buildPcap } from "../capture/testing.ts";
import type { CryptoEngine } from "../crypto/aead.ts";
import { ENGINES } from "../crypto/engines.ts";
import { testSecurityAssociation } from "../esp/sa.ts";
import { parseSaFile } from "../esp/sa_file.ts";
import { flowOf } from "../stages/testing.ts";
import { datagramsOf } from "../stages/testing_frames.ts";
import { set32 } from "../wire/bytes.ts";
import { ETH_HLEN } from "../wire/ethernet.ts";
import { UnplayableError } from "./errors.ts";
import { bulk, captureOf, inputOf, runOf, tcpFrame, type TestRun } from "./testing.ts";
import { receiveCapture } from "./testing_receiver.ts";

const RECEIVE = "path=receive";
/** Offset of the sequence number in a frame of IPv4 without options. */
const SEQUENCE_AT = ETH_HLEN + 20 + 4;

/** The ESP frames that a gateway sends of what it captured. */
async function sealed(frames: readonly Uint8Array[], ...sets: string[]): Promise<Uint8Array[]> {
  const { sent } = await runOf(captureOf(frames), "nocopy", ["tunnel=all", ...sets]);
  return sent.map(({ bytes }) => bytes);
}

const reasonsOf = ({ events }: TestRun, event: string): string[] => {
  return events.of(event).map(({ stage, reason, packet }) => `${stage} ${reason} ${packet}`);
};

Deno.test("captured ESP of the test SA is decrypted, and its payload counted by the flow inside", async () => {
  const esp = await sealed([...bulk(5), ...bulk(3, { sourcePort: 40001, payloadBytes: 100 })]);
  assertEquals(esp.length, 8);
  for (const preset of ["linux-4.4", "linux-6.1"]) {
    const { run, events } = await runOf(captureOf(esp), preset, [RECEIVE]);
    assertEquals(run.failures, []);
    assertEquals(events.of("reject"), []);
    assertEquals([run.delivery.delivered, new Set(events.of("arrive").map(({ flow }) => flow)).size], [8, 2]);
    assertEquals(run.tally.sum({ event: "deliver" }).payloadBytes, 5 * 1460 + 3 * 100);
    assertEquals(events.of("arrive").map(({ payloadBytes }) => payloadBytes), [
      1460,
      1460,
      1460,
      1460,
      1460,
      100,
      100,
      100,
    ]);
  }
});

Deno.test("captured ESP is delivered byte by byte as it was before", async () => {
  const clear = [...bulk(4), ...datagramsOf(4)];
  for (const sets of [[], ["mode=transport"], ["cipher=null"], ["cipher=null-sha256"], ["ip=6"]]) {
    const before = await receiveCapture(captureOf(clear), "nocopy", sets);
    const local = sets.includes("ip=6") ? ["local=::/0"] : [];
    const after = await receiveCapture(captureOf(await sealed(clear, ...sets)), "nocopy", [...sets, ...local]);
    assertEquals(after.payloads, before.payloads, sets.join());
    assertEquals(after.payloads.size, 8);
  }
});

Deno.test("beside captured ESP, clear packets are ignored: they may be what was decrypted, seen again", async () => {
  const clear = bulk(3);
  const esp = await sealed(clear);
  const { run, events } = await runOf(captureOf([esp[0]!, clear[0]!, esp[1]!, clear[1]!]), "linux-6.1", [RECEIVE]);
  assertEquals(run.failures, []);
  assertEquals(events.of("arrive").map(({ reason }) => reason), ["", "ignored", "", "ignored"]);
  assertEquals(run.delivery.delivered, 2);
});

Deno.test("a packet that was captured twice is a replay, one that lags behind the window is too", async () => {
  const esp = await sealed(bulk(70, { payloadBytes: 10 }));
  const twice = await runOf(captureOf([esp[0]!, esp[1]!, esp[0]!]), "linux-6.1", [RECEIVE]);
  assertEquals(reasonsOf(twice, "drop"), ["esp-input replay 2"]);
  const late = [...esp.slice(1), esp[0]!];
  assertEquals(reasonsOf(await runOf(captureOf(late), "linux-6.1", [RECEIVE]), "drop"), ["esp-input replay 69"]);
  const wide = await runOf(captureOf(late), "linux-6.1", [RECEIVE, "replay_window=128"]);
  assertEquals([wide.run.failures, reasonsOf(wide, "drop")], [[], []]);
});

Deno.test("the replay window of a file counts, but where replay_window is set", async () => {
  const esp = await sealed(bulk(70, { payloadBytes: 10 }));
  const late = captureOf([...esp.slice(1), esp[0]!]);
  const sa = testSecurityAssociation({ seed: 1 });
  const dropsOf = async (window: number, ...sets: string[]): Promise<string[]> => {
    const state = `src 198.18.0.1 dst 198.18.0.2\n\tproto esp spi 0x1001 reqid 1 mode tunnel\n` +
      `\treplay-window ${window}\n\taead rfc4106(gcm(aes)) 0x${sa.key.toHex()}${sa.salt.toHex()} 128\n`;
    const associations = parseSaFile(state, "states");
    return reasonsOf(await runOf(late, "linux-6.1", [RECEIVE, ...sets], { associations }), "drop");
  };
  assertEquals([await dropsOf(128), await dropsOf(0), await dropsOf(32)], [[], [], ["esp-input replay 69"]]);
  assertEquals(await dropsOf(128, "replay_window=64"), ["esp-input replay 69"]);
});

Deno.test("a changed byte is found: the packet is rejected and dropped, with the ICV as reason", async () => {
  const esp = await sealed(bulk(3));
  esp[1]![200]! ^= 1;
  const received = await runOf(captureOf(esp), "linux-6.1", [RECEIVE]);
  assertEquals(reasonsOf(received, "reject"), ["esp-input icv 1"]);
  assertEquals(reasonsOf(received, "drop"), ["esp-input icv 1"]);
  assertEquals([received.run.failures, received.run.delivery.delivered], [[], 2]);
});

/** Runs with an engine that opens nothing that it has sealed: the tag is not what it said. */
async function withBrokenSeals(run: () => Promise<void>): Promise<void> {
  const { noble } = ENGINES;
  const broken: CryptoEngine = {
    ...noble,
    aead: (...args) => {
      const whole = noble.aead(...args);
      const seal: typeof whole.seal = (nonce, aad, u8, at, length) => {
        whole.seal(nonce, aad, u8, at, length);
        u8[at + length]! ^= 1;
      };
      return { tagBytes: whole.tagBytes, seal, open: whole.open.bind(whole) };
    },
  };
  try {
    Object.assign(ENGINES, { noble: broken });
    await run();
  } finally {
    Object.assign(ENGINES, { noble });
  }
}

Deno.test("a run fails when a receiver cannot open what was sealed for it here; captured ESP may be anybody's", async () => {
  const esp = await sealed(bulk(3));
  await withBrokenSeals(async () => {
    const { run, events } = await runOf(captureOf(bulk(3)), "linux-6.1", [RECEIVE]);
    assertEquals(run.failures, ["3 ESP packets cannot be opened again: their ICV is wrong"]);
    assertEquals(events.of("drop").map(({ reason }) => reason), ["icv", "icv", "icv"]);
  });
  esp[1]![200]! ^= 1;
  assertEquals((await runOf(captureOf(esp), "linux-6.1", [RECEIVE])).run.failures, []);
});

Deno.test("ESP of another SA has no state: dropped, and a warning says how many", async () => {
  const esp = await sealed(bulk(3));
  set32(esp[2]!, SEQUENCE_AT - 4, 0x1234);
  const received = await runOf(captureOf(esp), "linux-6.1", [RECEIVE]);
  assertEquals(reasonsOf(received, "drop"), ["esp-input no-state 2"]);
  assert(
    received.run.warnings.some((warning) => warning.startsWith("1 ESP packets are not opened by the SA")),
    received.run.warnings.join(),
  );
});

Deno.test("engine=skip refuses captured ESP, and names the first packet", async () => {
  const input = captureOf([...bulk(2), ...await sealed(bulk(1))]);
  const error = await assertRejects(
    () => runOf(input, "nocopy", [RECEIVE, "engine=skip", "local=0.0.0.0/0"]),
    UnplayableError,
  );
  assertEquals(error.message, "Cannot replay built.pcap with engine=skip: packet 3 is ESP, and must be decrypted");
});

Deno.test("in later passes ESP is sealed anew: no replays, and streams go on", async () => {
  const clear = flowOf(6, { 2: { sourcePort: 40007 } });
  for (const input of [captureOf(await sealed(clear)), captureOf(clear)]) {
    const { run, events } = await runOf(input, "linux-6.1", [RECEIVE, "repeat=3"]);
    assertEquals([run.failures, events.of("drop"), events.of("reject")], [[], [], []]);
    assertEquals([run.delivery.delivered, run.delivery.reordered], [18, 0]);
  }
});

Deno.test("what ESP of a later pass holds is what it held in the first, with TCP numbers that go on", async () => {
  const esp = await sealed(bulk(3));
  const { events } = await runOf(captureOf(esp), "linux-6.1", [RECEIVE, "repeat=2"]);
  // All six segments of one flow join: the second pass continues the first.
  assertEquals(events.of("merge").filter(({ reason }) => reason !== "").length, 5);
});

Deno.test("a packet in transport mode must be whole; tunnel mode takes fragments, that end where they are to be put together", async () => {
  const fragment = tcpFrame({ payloadBytes: 800, fragmentWord: 0x2000 });
  const input = captureOf([...bulk(2), fragment]);
  const transport = await runOf(input, "linux-6.1", [RECEIVE, "mode=transport"]);
  assertEquals(transport.events.of("arrive").map(({ reason }) => reason), ["", "", "ignored"]);
  assertEquals(transport.run.failures, []);
  assert(transport.run.warnings.some((warning) => warning.includes("transport mode")), transport.run.warnings.join());
  const tunnel = await runOf(input, "linux-6.1", [RECEIVE]);
  assertEquals(reasonsOf(tunnel, "drop"), ["local-in fragment-timeout 2"]);
  assertEquals(tunnel.run.failures, []);
});

Deno.test("super-packets are cut before they are sealed: one arrival with all payload, one frame for each segment", async () => {
  const frames = [...bulk(2), tcpFrame({ payloadBytes: 5 * 1460 - 60, sequence: 1000 + 2 * 1460, id: 3, flags: 0x18 })];
  const { run, events } = await runOf(captureOf(frames), "linux-6.1", [RECEIVE]);
  assertEquals(run.failures, []);
  assertEquals(events.of("arrive").map(({ count, payloadBytes }) => [count, payloadBytes]), [
    [1, 1460],
    [1, 1460],
    [1, 7240],
    ...Array.from({ length: 4 }, () => [0, 0]),
  ]);
  assertEquals(run.tally.sum({ event: "deliver" }).payloadBytes, 2 * 1460 + 7240);
  const { payloads } = await receiveCapture(captureOf(frames), "linux-6.1");
  assertEquals(payloads.get(0)!.length, 2 * 1460);
});

Deno.test("of a super-packet that is lost in part, the payload is not delivered", async () => {
  const frames = [
    ...bulk(1),
    tcpFrame({ payloadBytes: 20 * 1460, sequence: 1000 + 1460, id: 2 }),
    ...bulk(1, { sequence: 1000 + 21 * 1460, id: 30 }),
  ];
  const { run, events } = await runOf(captureOf(frames), "linux-6.1", [
    RECEIVE,
    "pace=line",
    "rx_ring=8",
    "link_gbps=100",
  ]);
  assertEquals(run.failures, []);
  assert(events.of("drop").length > 0);
  const { payloadBytes } = run.tally.sum({ event: "deliver" });
  const dropped = run.tally.sum({ event: "drop" }).payloadBytes;
  assertEquals(payloadBytes + dropped, 22 * 1460);
});

Deno.test("missing bytes of a snap length are made up before sealing, and count as good", async () => {
  const file = buildPcap(
    {},
    bulk(3).map((bytes, i) => ({ seconds: 1, fraction: i, bytes: bytes.subarray(0, 96), originalLength: 1514 })),
  );
  const { run, events } = await runOf(inputOf(file), "linux-4.4", [RECEIVE]);
  assertEquals([run.failures, events.of("drop"), run.delivery.delivered], [[], [], 3]);
  assert(run.warnings.some((warning) => warning.startsWith("3 packets lack bytes (snap length)")));
});

Deno.test("captured ESP that lacks bytes cannot be opened: its ICV is wrong", async () => {
  const esp = await sealed(bulk(2));
  const file = buildPcap(
    {},
    esp.map((bytes, i) => ({
      seconds: 1,
      fraction: i,
      bytes: i === 1 ? bytes.subarray(0, 96) : bytes,
      originalLength: bytes.length,
    })),
  );
  const received = await runOf(inputOf(file), "linux-4.4", [RECEIVE]);
  assertEquals([received.run.failures, reasonsOf(received, "reject")], [[], ["esp-input icv 1"]]);
});

Deno.test("an IP packet that is too long for ESP is ignored, with a warning", async () => {
  const frames = [...bulk(1, { payloadBytes: 100 }), tcpFrame({ payloadBytes: 65_480, id: 9 })];
  const { run, events } = await runOf(captureOf(frames), "linux-6.1", [RECEIVE, "mtu=65535"]);
  assertEquals([run.failures, events.of("arrive").map(({ reason }) => reason)], [[], ["", "ignored"]]);
  assert(run.warnings.some((warning) => warning.startsWith("1 packets")), run.warnings.join());
});
