/**
 * How fast captures are read and written: whole passes over a capture in memory and over a file.
 *
 * Each pass is checked before it is timed. Packets per second = packets in the name / time per iteration; the link
 * header is touched once per packet, as every user of the reader does.
 *
 * @module
 */

import { type ByteSource, sourceOfBytes } from "./byte_source.ts";
import { openCapture } from "./open.ts";
import { CapturePacket } from "./packet.ts";
import { PcapWriter } from "./pcap_writer.ts";

const PACKETS = 100_000;
const FRAME_BYTES = [64, 1514];

function makeCapture(frameBytes: number): Uint8Array {
  const file = new Uint8Array(24 + PACKETS * (16 + frameBytes));
  let end = 0;
  const writer = new PcapWriter(
    (bytes) => {
      file.set(bytes, end);
      end += bytes.length;
    },
    1,
    1_600_000_000_000_000_000n,
  );
  const frame = new Uint8Array(frameBytes).fill(0x5a);
  for (let index = 0; index < PACKETS; index++) writer.write(index * 1000, frame, 0, frameBytes);
  writer.flush();
  return file;
}

async function readToEnd(source: ByteSource, frameBytes: number): Promise<void> {
  const reader = await openCapture(source, "bench");
  const packet = new CapturePacket();
  let packets = 0;
  let sum = 0;
  while (await reader.fill()) {
    while (reader.next(packet)) {
      packets++;
      sum += packet.bytes[packet.offset] ?? 0;
    }
  }
  const expectedSum = PACKETS * 0x5a;
  if (packets !== PACKETS || sum !== expectedSum || packet.capturedBytes !== frameBytes) {
    throw new Error(`Cannot time a wrong answer: ${packets} packets, sum ${sum}`);
  }
}

for (const frameBytes of FRAME_BYTES) {
  const group = `${PACKETS} packets of ${frameBytes} bytes`;
  const file = makeCapture(frameBytes);
  const path = Deno.makeTempFileSync({ suffix: ".pcap" });
  Deno.writeFileSync(path, file);
  addEventListener("unload", () => Deno.removeSync(path));

  Deno.bench({ name: `read ${group} from memory`, group, baseline: true }, async () => {
    await readToEnd(sourceOfBytes(file), frameBytes);
  });

  Deno.bench({ name: `read ${group} from a file`, group }, async () => {
    using source = await Deno.open(path);
    await readToEnd(source, frameBytes);
  });

  Deno.bench({ name: `write ${group} to nowhere`, group }, () => {
    let writtenBytes = 0;
    const writer = new PcapWriter((bytes) => writtenBytes += bytes.length, 1, 0n);
    const frame = file.subarray(40, 40 + frameBytes);
    for (let index = 0; index < PACKETS; index++) writer.write(index * 1000, frame, 0, frameBytes);
    writer.flush();
    if (writtenBytes !== file.length) throw new Error(`Cannot time a wrong answer: ${writtenBytes} bytes`);
  });
}
