import { assertEquals, assertThrows } from "@std/assert";
import { sourceOfBytes } from "./byte_source.ts";
import { CapturePacket, openCapture } from "./mod.ts";
import { PcapngWriter } from "./pcapng_writer.ts";
import { canRun } from "./testing_tools.ts";

const T0 = 1_700_000_000_123_456_789n;

/** A file of three packets, with two interfaces. */
function written(): Uint8Array {
  const chunks: number[] = [];
  const writer = new PcapngWriter((bytes) => chunks.push(...bytes), 1, T0, ["nic0", "nic1"]);
  const frame = Uint8Array.from({ length: 61 }, (_, i) => i);
  writer.write(0, 0, frame, 60, "packet 1: sent");
  writer.write(1, 4_294_967_295, frame, 61, "");
  writer.write(1, -1, frame, 0, "ü");
  writer.flush();
  assertEquals(writer.packets, 3);
  return Uint8Array.from(chunks);
}

Deno.test("PcapngWriter writes what the reader reads: bytes, lengths and exact stamps", async () => {
  const reader = await openCapture(sourceOfBytes(written()), "written.pcapng");
  const packet = new CapturePacket();
  const seen: unknown[] = [];
  while (await reader.fill()) {
    while (reader.next(packet)) seen.push([packet.capturedBytes, packet.bytes[packet.offset + 5], packet.timeNs]);
  }
  assertEquals(seen.slice(0, 2), [[60, 5, 0], [61, 5, 4_294_967_295]]);
  assertEquals(reader.t0EpochNs, T0);
  assertEquals(seen.length, 3);
});

Deno.test("PcapngWriter refuses a packet that is not there, and a time before 1970", () => {
  const writer = new PcapngWriter(() => {}, 1, 0n, ["nic0"]);
  assertThrows(() => writer.write(0, 0, new Uint8Array(5), 6, ""), RangeError, "6 bytes are not there");
  assertThrows(() => writer.write(0, -1, new Uint8Array(5), 5, ""), RangeError, "does not fit into pcapng");
});

Deno.test({
  name: "tshark reads names of interfaces, comments and stamps of PcapngWriter",
  ignore: !canRun("tshark"),
  async fn() {
    const path = await Deno.makeTempFile({ suffix: ".pcapng" });
    try {
      await Deno.writeFile(path, written());
      const fields = ["frame.interface_name", "frame.comment", "frame.time_epoch"].flatMap((field) => ["-e", field]);
      const { stdout } = await new Deno.Command("tshark", { args: ["-r", path, "-T", "fields", ...fields] }).output();
      assertEquals(new TextDecoder().decode(stdout).trim().split("\n"), [
        "nic0\tpacket 1: sent\t1700000000.123456789",
        "nic1\t\t1700000004.418424084",
        "nic1\tü\t1700000000.123456788",
      ]);
    } finally {
      await Deno.remove(path);
    }
  },
});
