/**
 * How fast pcapng and gzip are read: whole passes over a capture in memory, each checked while it is timed.
 *
 * Packets per second = packets in the name / time per iteration; compare with `pcap_bench.ts`. The packed capture is the
 * bulk fixture many times over, since made-up packets would be packed too well.
 *
 * @module
 */

import { sourceOfBytes } from "./byte_source.ts";
import { openCapture } from "./open.ts";
import { CapturePacket } from "./packet.ts";
import { PcapngBuilder, resolutionOption } from "./testing_pcapng.ts";

const PACKETS = 100_000;
const FIXTURE = Deno.readFileSync(new URL("../../fixtures/bulk-tcp-ipv4.pcap", import.meta.url));
const FIXTURE_PACKETS = 4770;
const FIXTURE_TIMES = 20;
const PCAP_HEADER_BYTES = 24;

/** Blocks of one kind, one behind the other, behind one section and one interface. */
function makeCapture(resolution: number, packetBytes: number): Uint8Array {
  const head = new PcapngBuilder().section().describe({ options: [resolutionOption(resolution)] }).bytes;
  const stamp = 1_600_000_000_000_000n;
  const block = new PcapngBuilder().enhanced({ bytes: new Uint8Array(packetBytes).fill(0x5a), stamp }).bytes;
  const file = new Uint8Array(head.length + PACKETS * block.length);
  file.set(head);
  for (let index = 0; index < PACKETS; index++) file.set(block, head.length + index * block.length);
  return file;
}

function repeatFixture(): Uint8Array {
  const records = FIXTURE.subarray(PCAP_HEADER_BYTES);
  const file = new Uint8Array(PCAP_HEADER_BYTES + FIXTURE_TIMES * records.length);
  file.set(FIXTURE.subarray(0, PCAP_HEADER_BYTES));
  for (let i = 0; i < FIXTURE_TIMES; i++) file.set(records, PCAP_HEADER_BYTES + i * records.length);
  return file;
}

async function readToEnd(file: Uint8Array, expectedPackets: number): Promise<void> {
  const reader = await openCapture(sourceOfBytes(file), "bench");
  const packet = new CapturePacket();
  let packets = 0;
  while (await reader.fill()) while (reader.next(packet)) packets++;
  if (packets !== expectedPackets || reader.warnings.length > 0) {
    throw new Error(`Cannot time a wrong answer: ${packets} packets, ${reader.warnings[0]}`);
  }
}

for (const [unit, resolution] of [["us", 6], ["ns", 9], ["2^-20 s", 0x80 + 20]] as const) {
  const file = makeCapture(resolution, 64);
  Deno.bench({ name: `read ${PACKETS} packets of 64 bytes, pcapng, ${unit}`, group: "pcapng" }, async () => {
    await readToEnd(file, PACKETS);
  });
}

const plain = repeatFixture();
const stream = new Response(plain.slice()).body!.pipeThrough(new CompressionStream("gzip"));
const packed = new Uint8Array(await new Response(stream).arrayBuffer());

Deno.bench({ name: `read ${plain.length} bytes of pcap`, group: "gzip", baseline: true }, async () => {
  await readToEnd(plain, FIXTURE_PACKETS * FIXTURE_TIMES);
});

Deno.bench({ name: `read them packed with gzip, ${packed.length} bytes`, group: "gzip" }, async () => {
  await readToEnd(packed, FIXTURE_PACKETS * FIXTURE_TIMES);
});
