/** A second implementation as judge of path host-to-host: tshark decrypts what both NICs sent, and finds one conversation. */

import { assertEquals } from "@std/assert";
import { firstPackets } from "../capture/testing.ts";
import { canRun } from "../capture/testing_tools.ts";
import { inputOf, runOf } from "./testing.ts";
import { judgement, writeFrames } from "./testing_tshark.ts";

const FIXTURES = new URL("../../fixtures/", import.meta.url);
const HAS_TSHARK = canRun("tshark");
/** Packets taken from each fixture. */
const PACKETS = 1200;
const FIELDS = ["esp.icv_good", "tcp.checksum.status", "tcp.analysis.retransmission", "ip.checksum.status", "tcp.len"];
/** tshark says 1 of what it has verified. */
const GOOD = "1";

for (
  const [version, preset, ...sets] of [
    [4, "linux-4.4"],
    [4, "linux-6.1-module"],
    [4, "nocopy", "mode=tunnel", "ip=6", "cipher=null-sha256"],
    [6, "linux-6.1-module", "mode=tunnel"],
    [4, "linux-6.1", "mode=none"],
  ] as const
) {
  Deno.test({
    name: `tshark finds one conversation in what both hosts sent, IPv${version} (${[preset, ...sets].join(" ")})`,
    ignore: !HAS_TSHARK,
    fn: async () => {
      const file = `bulk-tcp-ipv${version}.pcap`;
      const input = inputOf(firstPackets(await Deno.readFile(new URL(file, FIXTURES)), PACKETS), file);
      const testRun = await runOf(input, preset, ["path=host-to-host", ...sets], { check: false });
      const path = await Deno.makeTempFile({ suffix: ".pcap" });
      try {
        writeFrames(path, testRun);
        const rows = judgement(path, testRun, FIELDS);
        assertEquals(rows.length, testRun.sent.length);
        const opened = testRun.run.sa === undefined ? "" : GOOD;
        const flawed = rows.filter(([icv, checksum, again]) => icv !== opened || checksum !== GOOD || again !== "");
        assertEquals(flawed.slice(0, 3), []);
        assertEquals(rows.filter(([, , , header]) => header !== "" && header !== GOOD), []);
        const payload = rows.reduce((sum, [, , , , bytes]) => sum + Number(bytes), 0);
        assertEquals(payload, testRun.run.tally.sum({ event: "deliver" }).payloadBytes);
      } finally {
        await Deno.remove(path);
      }
    },
  });
}
