/**
 * Path forward, as a run builds it, against recordings of Linux 6.1: what was inside the ESP packets that left. How each frame
 * was received, merged, forwarded, cut and encrypted, buffer by buffer, is what `validate` compares
 * (`mod/validate/validation_test.ts`). Ignored where the recordings are missing, and where the model cannot play one.
 */

import { assertEquals } from "@std/assert";
import { ENGINES } from "../crypto/engines.ts";
import { openEspPacket } from "../esp/esp_packet.ts";
import { outerProtocol } from "../esp/udp_encapsulation.ts";
import type { SecurityAssociation } from "../esp/sa.ts";
import { inputOf, runOf, type TestRun } from "../replay/testing.ts";
import { associationOf } from "../validate/recorded_sa.ts";
import { readRecording, type Recording } from "../validate/recording.ts";
import { ALL_ROOTS, foldersIn } from "../validate/testing.ts";
import { ETH_HLEN } from "../wire/ethernet.ts";
import * as ip from "../wire/ip.ts";
import * as ipv4 from "../wire/ipv4.ts";
import { innerPackets } from "./testing.ts";

const recordings: Recording[] = [];
for (const folder of ALL_ROOTS.flatMap(foldersIn)) {
  const recording = await readRecording(folder);
  if (recording.scenario.path === "forward" && recording.scenario.sa !== undefined) recordings.push(recording);
}

Deno.test({
  name: "kernel recordings of forwarding are there",
  ignore: recordings.length === 0,
  fn: () => {},
});

/** Why what left as ESP cannot be compared, or undefined. */
function whyLeftOut(recording: Recording): string | undefined {
  const { queues, sa } = recording.scenario;
  if (queues) return "queues";
  if (sa!.length > 1) return "two SAs";
  return openableSa(recording) === undefined ? "a suite, an encapsulation or padding that is not built" : undefined;
}

/** The SA of a recording, where the model has all that it uses. */
function openableSa({ scenario: { sa, tfc_pad } }: Recording): SecurityAssociation | undefined {
  const [recorded] = sa!;
  // A run begins with number 1.
  const beginsElsewhere = recorded!.replay_oseq !== undefined;
  const isOurs = recorded!.mode === "tunnel" && tfc_pad === undefined && !beginsElsewhere;
  return isOurs ? associationOf(recorded!) : undefined;
}

async function playPath({ scenario, input, inputFile }: Recording, sa: SecurityAssociation): Promise<TestRun> {
  const { gro, rx_layout, nic_rx_csum, mtu } = scenario;
  const testRun = await runOf(inputOf(inputFile, scenario.name), "nocopy", [
    "era=6.1",
    `gro=${gro}`,
    `gso=${scenario.esp_module ? "l2" : gro === "on" ? "xfrm" : "off"}`,
    `rx_layout=${rx_layout}`,
    "rx_hash=off",
    `cipher=${sa.suite.name}`,
    `ip=${sa.outerVersion}`,
    `esn=${sa.esn ? "on" : "off"}`,
    `encap=${sa.encapsulation === null ? "none" : "udp"}`,
    `nic_rx_csum=${nic_rx_csum}`,
    `mtu=${mtu}`,
    "oversize=drop",
  ]);
  assertEquals(testRun.run.failures, []);
  assertEquals(testRun.run.tally.sum({ event: "arrive" }).count, input.length);
  return testRun;
}

/** The packets inside what was sent, to the byte. */
function compareEsp(recording: Recording, testRun: TestRun, sa: SecurityAssociation): void {
  const aead = sa.aead(ENGINES.noble);
  const packets = recording.output.map(({ bytes }) => bytes.subarray(ETH_HLEN))
    .filter((packet) => ip.protocol(packet, 0) === outerProtocol(sa));
  const inner = packets.map((packet) => {
    const result = openEspPacket(packet, sa, aead);
    return result.opened ? result.inner.toHex() : result.reason;
  });
  assertEquals(innerPackets(testRun).map((packet) => packet.toHex()), inner);
  if (hasPlainOuterHeader(recording)) {
    assertEquals(testRun.sent.map(({ bytes }) => outerFields(bytes.subarray(ETH_HLEN))), packets.map(outerFields));
  }
}

/** Options of the SA that change the outer header are not built. */
function hasPlainOuterHeader({ scenario }: Recording): boolean {
  return (scenario.sa![0]!.flags ?? []).length === 0 && scenario.dont_encap_dscp !== true;
}

/**
 * TOS, length, flags, time to live and protocol; the id where it does not depend on what a host sent before. Of IPv6 all but
 * the addresses.
 */
function outerFields(packet: Uint8Array): string {
  if (ip.isIpv6(packet, 0)) return packet.subarray(0, 8).toHex();
  const id = ipv4.dontFragment(packet, 0) ? ipv4.id(packet, 0) : "any";
  return `${packet.subarray(0, 4).toHex()} id ${id} ${packet.subarray(6, 10).toHex()}`;
}

for (const [reason, left] of Map.groupBy(recordings, whyLeftOut)) {
  if (reason === undefined) continue;
  Deno.test({ name: `forward: ${left.length} recordings are left out: ${reason}`, ignore: true, fn: () => {} });
}

for (const recording of recordings.filter((each) => whyLeftOut(each) === undefined)) {
  Deno.test(`forward of 6.1 as recorded: ${recording.scenario.name}`, async () => {
    const sa = openableSa(recording)!;
    compareEsp(recording, await playPath(recording, sa), sa);
  });
}
