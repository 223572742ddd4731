/** A second implementation as judge of path send: tshark decrypts what left, and finds a TCP stream without a flaw in it. */

import { assertEquals } from "@std/assert";
import { firstPackets } from "../capture/testing.ts";
import { canRun } from "../capture/testing_tools.ts";
import { inputOf, runOf } from "./testing.ts";
import { judgement, writeFrames } from "./testing_tshark.ts";

const FIXTURES = new URL("../../fixtures/", import.meta.url);
const HAS_TSHARK = canRun("tshark");
/** Packets taken from each fixture. */
const PACKETS = 1200;
const FIELDS = ["esp.icv_good", "tcp.checksum.status", "tcp.analysis.flags", "ip.checksum.status"];
/** tshark says 1 of what it has verified. */
const GOOD = "1";

for (
  const [version, preset, ...sets] of [
    [4, "linux-4.4"],
    [4, "linux-6.1", "mode=tunnel"],
    [4, "linux-6.1-module"],
    [4, "linux-6.1-module", "mode=tunnel", "ip=6"],
    [4, "nocopy-gro-gso", "mode=tunnel", "sendfile=on"],
    [6, "linux-4.4", "mode=tunnel"],
    [6, "linux-6.1-module"],
    [4, "linux-6.1", "mode=none"],
    [4, "linux-4.4", "mode=none", "nic_tso=off", "nic_tx_csum=off"],
    [6, "linux-6.1", "mode=none"],
  ] as const
) {
  Deno.test({
    name: `tshark finds a whole TCP stream in what path send sent, IPv${version} (${[preset, ...sets].join(" ")})`,
    ignore: !HAS_TSHARK,
    fn: async () => {
      const file = `bulk-tcp-ipv${version}.pcap`;
      const input = inputOf(firstPackets(await Deno.readFile(new URL(file, FIXTURES)), PACKETS), file);
      const testRun = await runOf(input, preset, ["path=send", ...sets], { check: false });
      const path = await Deno.makeTempFile({ suffix: ".pcap" });
      try {
        writeFrames(path, testRun);
        const rows = judgement(path, testRun, FIELDS);
        assertEquals(rows.length, testRun.sent.length);
        const opened = testRun.run.sa === undefined ? "" : GOOD;
        const flawed = rows.filter(([icv, checksum, flags]) => icv !== opened || checksum !== GOOD || flags !== "");
        assertEquals(flawed.slice(0, 3), []);
        assertEquals(rows.filter(([, , , header]) => header !== "" && header !== GOOD), []);
      } finally {
        await Deno.remove(path);
      }
    },
  });
}
