import { assertEquals, assertRejects } from "@std/assert";
import * as fc from "fast-check";
import { sourceOfBytes } from "./byte_source.ts";
import { CaptureError } from "./errors.ts";
import { openCapture } from "./open.ts";
import { buildPcap, readAll } from "./testing.ts";

const encoder = new TextEncoder();

const REFUSED: readonly [what: string, bytes: Uint8Array, message: string][] = [
  ["an empty file", new Uint8Array(0), "Cannot read x.pcap: it is empty (0 bytes)"],
  ["3 bytes", new Uint8Array([1, 2, 3]), "Cannot read x.pcap: it is not a capture, it has only 3 bytes"],
  ["text", encoder.encode("hello, world\n"), 'it is text, not a capture (it begins with "hello, world\\n")'],
  ["an HTML page", encoder.encode("\n <!DOCTYPE html><html>"), "it is an HTML page, not a capture"],
  ["zeros", new Uint8Array(100), "it is not a capture in a known format (it begins with the bytes 0x00000000)"],
  [
    "pcapng without byte-order magic",
    buildPcap({ littleEndian: false, magic: 0x0a0d0d0a }, []),
    "a pcapng section header has no byte-order magic",
  ],
  ["10 bytes of pcapng", new Uint8Array([10, 13, 13, 10, 0, 0, 0, 28, 26, 43]), "it ends inside a block (10 bytes)"],
  ["cut gzip", new Uint8Array([0x1f, 0x8b, 8, 0, 0, 0]), "its gzip data is cut off, damaged or followed by other data"],
  ["zstd", new Uint8Array([0x28, 0xb5, 0x2f, 0xfd, 0]), "it is compressed with zstd, which is not supported"],
  ["snoop", encoder.encode("snoop\0\0\0\0\0\0\x02"), "it is a snoop file (RFC 1761)"],
  ["modified pcap", buildPcap({ magic: 0xa1b2cd34 }, []), "it is a modified pcap file (magic 0xa1b2cd34)"],
  ["big-endian modified pcap", buildPcap({ magic: 0xa1b2cd34, littleEndian: false }, []), "it is a modified pcap file"],
  ["pcap 1.2", buildPcap({ majorVersion: 1, minorVersion: 2 }, []), "its pcap version is 1.2, and only 2.x is known"],
  ["a pcap header of 23 bytes", buildPcap({}, []).slice(0, 23), "its pcap header is cut off (23 of 24 bytes)"],
];

for (const [what, bytes, message] of REFUSED) {
  Deno.test(`openCapture() refuses ${what} and says what it is`, async () => {
    const error = await assertRejects(() => openCapture(sourceOfBytes(bytes), "x.pcap"), CaptureError, message);
    assertEquals(error.message.startsWith("Cannot read x.pcap: "), true);
    assertEquals(error.message.includes("\n"), false);
  });
}

Deno.test("openCapture() says what the operating system says of a folder", async () => {
  using folder = await Deno.open(new URL(".", import.meta.url));
  await assertRejects(() => openCapture(folder, "folder"), CaptureError, "Cannot read folder: ");
});

Deno.test("openCapture() and the reader throw nothing but CaptureError on any bytes, and end", async () => {
  const section = [10, 13, 13, 10, 28, 0, 0, 0, 0x4d, 0x3c, 0x2b, 0x1a, 1, 0, 0, 0];
  const magics = [[0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0], [0xa1, 0xb2, 0x3c, 0x4d, 0, 2, 0, 4], section, []];
  const file = fc.tuple(fc.constantFrom(...magics), fc.uint8Array({ maxLength: 300 }));
  await fc.assert(
    fc.asyncProperty(file, async ([magic, rest]) => {
      const bytes = new Uint8Array([...magic, ...rest]);
      try {
        const reader = await openCapture(sourceOfBytes(bytes), "fuzz", 1024);
        await readAll(reader);
        assertEquals(reader.warnings.length <= 1, true);
      } catch (error) {
        if (!(error instanceof CaptureError)) throw error;
      }
    }),
    { numRuns: 2000 },
  );
});
