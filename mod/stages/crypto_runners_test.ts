/** The crypto engines alone: who encrypts, in which order callbacks come, on which CPU, when, and what is refused. */

import { assert, assertEquals } from "@std/assert";
import { CryptoFixture } from "./testing_crypto.ts";

const CRYPTD = ["crypto=cryptd", "async=callback"];
const PCRYPT = ["crypto=pcrypt", "async=callback"];
const ACCEL = ["crypto=accel", "async=callback"];

function range(count: number, first = 0): number[] {
  return Array.from({ length: count }, (_, i) => first + i);
}

function packetsOf({ done }: CryptoFixture): number[] {
  return done.map(({ packet }) => packet);
}

Deno.test("cryptoOf() makes one engine for a machine, and none with crypto=cpu", () => {
  const fixture = new CryptoFixture(CRYPTD);
  const { host } = fixture;
  assertEquals(new CryptoFixture(["crypto=cpu"]).runner, null as never);
  fixture.submit(0, 0, [1]);
  assertEquals(packetsOf(fixture.run()), [1]);
  assert(host.withConfig({ ...host.config, hz: 100 }).cpus === host.cpus);
});

Deno.test("Cryptd calls back in order, one request a turn, on the CPU that submitted it, when no softirq is pending", () => {
  const fixture = new CryptoFixture([...CRYPTD, "net_cpus=2"]);
  fixture.submit(1000, 0, range(3));
  fixture.submit(1010, 1, range(3, 10));
  fixture.run();
  assertEquals(fixture.done.filter(({ cpu }) => cpu === 0).map(({ packet, tNs }) => [packet, tNs]), [
    [0, 1100],
    [1, 1200],
    [2, 1300],
  ]);
  assertEquals(fixture.done.filter(({ cpu }) => cpu === 1).map(({ packet, tNs }) => [packet, tNs]), [
    [10, 1110],
    [11, 1210],
    [12, 1310],
  ]);
  // All of a CPU are submitted before its worker begins.
  assertEquals(fixture.events.of("submit").map(({ cpu }) => cpu), [0, 0, 0, 1, 1, 1]);
});

Deno.test("Cryptd refuses what its queue does not take: 4 of cryptd_qlen=4, 100 in 4.4, 1000 in 6.1, for each CPU", () => {
  const takenOf = (...sets: string[]): number[] => {
    const fixture = new CryptoFixture([...CRYPTD, ...sets]);
    fixture.submit(0, 0, range(1500), 1);
    return packetsOf(fixture.run());
  };
  assertEquals(takenOf("cryptd_qlen=4"), range(4));
  assertEquals(takenOf("era=4.4"), range(100));
  assertEquals(takenOf("era=6.1"), range(1000));
  const both = new CryptoFixture([...CRYPTD, "net_cpus=2", "cryptd_qlen=4"]);
  both.submit(0, 0, range(6));
  both.submit(0, 1, range(6, 10));
  both.run();
  assertEquals(packetsOf(both).sort((a, b) => a - b), [0, 1, 2, 3, 10, 11, 12, 13]);
  assertEquals(both.refused.sort((a, b) => a - b), [4, 5, 14, 15]);
});

Deno.test("Cryptd takes a request that is submitted from a callback, behind those that wait", () => {
  const fixture = new CryptoFixture([...CRYPTD, "cryptd_qlen=3"]);
  fixture.onDone = (packet) => {
    if (packet === 0) fixture.submit(fixture.engine.nowNs + 1000, 0, [9]);
  };
  fixture.submit(0, 0, range(3));
  assertEquals(packetsOf(fixture.run()), [0, 1, 2, 9]);
});

Deno.test("Pcrypt deals requests out to its CPUs in turn and calls back in order of submission on callback_cpu", () => {
  const fixture = new CryptoFixture([...PCRYPT, "crypto_cpus=3", "callback_cpu=2"]);
  fixture.submit(0, 0, range(1, 0), 500);
  fixture.submit(10, 0, range(1, 1), 100);
  fixture.submit(20, 0, range(1, 2), 100);
  fixture.run();
  assertEquals(fixture.events.of("seal").map(({ cpu, packet }) => [packet, cpu]).sort(), [[0, 1], [1, 2], [2, 3]]);
  assertEquals(packetsOf(fixture), [0, 1, 2]);
  assertEquals(fixture.done.map(({ cpu }) => cpu), [2, 2, 2]);
  // The first takes longest, and the others wait for it.
  assert(fixture.done.every(({ tNs }) => tNs >= 500));
});

Deno.test("Pcrypt of 6.1 encrypts on the submitter what finds no work item, one for each CPU", () => {
  const fixture = new CryptoFixture([...PCRYPT, "era=6.1", "crypto_cpus=2"]);
  fixture.submit(0, 0, range(8), 1000);
  fixture.run();
  assertEquals(fixture.refused, []);
  assertEquals(packetsOf(fixture), range(8));
  const onSubmitter = fixture.events.of("seal").filter(({ cpu }) => cpu === 0).map(({ packet }) => packet);
  assertEquals(onSubmitter.slice(0, 1), [3]);
});

Deno.test("Pcrypt of 4.4 refuses more than 1000 requests in flight", () => {
  const fixture = new CryptoFixture([...PCRYPT, "era=4.4", "crypto_cpus=1"]);
  fixture.submit(0, 0, range(1003), 10);
  fixture.run();
  assertEquals(packetsOf(fixture), range(1000));
  assertEquals(fixture.refused, [1000, 1001, 1002]);
});

Deno.test("Pcrypt without CPUs of its own uses those of the network", () => {
  const fixture = new CryptoFixture([...PCRYPT, "era=4.4", "net_cpus=2"]);
  fixture.submit(0, 0, range(4));
  fixture.run();
  assertEquals(fixture.events.of("seal").map(({ cpu, packet }) => [packet, cpu]).sort(), [[0, 0], [1, 1], [2, 0], [
    3,
    1,
  ]]);
});

Deno.test("Pcrypt is through n times sooner with n CPUs when the cipher is all there is", () => {
  const endNs = (cpus: number): number => {
    const fixture = new CryptoFixture([...PCRYPT, "era=4.4", `crypto_cpus=${cpus}`]);
    fixture.submit(0, 0, range(64), 1000);
    return fixture.run().done.at(-1)!.tNs;
  };
  assertEquals([1, 2, 4, 8].map(endNs), [64_000, 32_000, 16_000, 8_000]);
});

Deno.test("Accel works on one request after the other at its rate, and calls back after its latency where it was submitted", () => {
  const fixture = new CryptoFixture([...ACCEL, "net_cpus=2", "accel_gbps=8", "accel_latency_us=5"]);
  fixture.submit(0, 1, range(3), 1000);
  fixture.submit(50, 0, [7], 500);
  fixture.run();
  // A byte takes a nanosecond.
  assertEquals(fixture.done, [
    { packet: 0, cpu: 1, tNs: 6000 },
    { packet: 1, cpu: 1, tNs: 7000 },
    { packet: 2, cpu: 1, tNs: 8000 },
    { packet: 7, cpu: 0, tNs: 8500 },
  ]);
  assertEquals(fixture.events.of("seal").map(({ cpu, costPs }) => [cpu, costPs]), range(4).map(() => [-1, 0]));
});

Deno.test("Accel refuses what it cannot hold: accel_qlen requests, those on their way back included", () => {
  const fixture = new CryptoFixture([...ACCEL, "accel_qlen=2", "accel_gbps=8", "accel_latency_us=5"]);
  fixture.submit(0, 0, range(4), 1000);
  fixture.submit(6500, 0, [8, 9], 1000);
  fixture.run();
  assertEquals(packetsOf(fixture), [0, 1, 8]);
  assertEquals(fixture.refused, [2, 3, 9]);
});

for (const sets of [CRYPTD, [...PCRYPT, "crypto_cpus=2"], ACCEL]) {
  Deno.test(`every request is submitted, encrypted and completed once, and the rows count those in flight (${sets[0]})`, () => {
    const fixture = new CryptoFixture([...sets, "net_cpus=2"]);
    fixture.submit(0, 0, range(30), 70);
    fixture.submit(900, 1, range(30, 100), 70);
    fixture.run();
    const { events } = fixture;
    for (const event of ["submit", "seal", "complete"]) {
      const packets = events.of(event).map(({ packet }) => packet).sort((a, b) => a - b);
      assertEquals(packets, [...range(30), ...range(30, 100)], event);
    }
    let inFlight = 0;
    for (const { event, count } of events.rows.filter((row) => row.event === "submit" || row.event === "complete")) {
      inFlight += event === "submit" ? 1 : -1;
      assertEquals(count, inFlight);
    }
    assertEquals(fixture.runner.inFlight, 0);
  });
}
