/**
 * Says what a file is that no registered format can read.
 *
 * A refusal that names the thing ("it is an HTML page") saves its reader a look with `file` or `xxd`. Only the
 * explanation lives here: a format that becomes readable moves to a file of its own and to the registry in `open.ts`.
 *
 * @example
 * ```ts
 * import { explainForeign } from "./foreign.ts";
 * explainForeign(new Uint8Array(0)); // "it is empty (0 bytes)"
 * ```
 *
 * @module
 */

interface ForeignKind {
  readonly magic: readonly number[];
  readonly reason: string;
}

const ascii = (text: string): number[] => Array.from(text, (letter) => letter.charCodeAt(0));

const OTHER_CAPTURE = "which is a capture format that is not supported; convert it with `editcap -F nsecpcap`";
const COMPRESSED = "which is not supported; unpack it first";
const MODIFIED = "whose packet records differ from the standard; convert it with `editcap -F pcap`";

/** Magic numbers of pcap relatives are listed in both byte orders. Sources: libpcap savefile.c, Wireshark wiretap. */
const FOREIGN_KINDS: readonly ForeignKind[] = [
  { magic: [0x1f, 0x8b], reason: "it is compressed with gzip once more; unpack it first" },
  { magic: [0xa1, 0xb2, 0xcd, 0x34], reason: `it is a modified pcap file (magic 0xa1b2cd34), ${MODIFIED}` },
  { magic: [0x34, 0xcd, 0xb2, 0xa1], reason: `it is a modified pcap file (magic 0xa1b2cd34), ${MODIFIED}` },
  { magic: [0xa1, 0xb2, 0x34, 0xcd], reason: `it is a modified pcap file (magic 0xa1b234cd), ${MODIFIED}` },
  { magic: [0xcd, 0x34, 0xb2, 0xa1], reason: `it is a modified pcap file (magic 0xa1b234cd), ${MODIFIED}` },
  { magic: [0xa1, 0xe2, 0xcb, 0x12], reason: `it is a Navtel pcap file, ${MODIFIED}` },
  { magic: [0x12, 0xcb, 0xe2, 0xa1], reason: `it is a Navtel pcap file, ${MODIFIED}` },
  { magic: [0x1c, 0x00, 0x01, 0xac], reason: `it is an IXIA pcap file, ${MODIFIED}` },
  { magic: [0xac, 0x01, 0x00, 0x1c], reason: `it is an IXIA pcap file, ${MODIFIED}` },
  { magic: [0x1c, 0x00, 0x01, 0xab], reason: `it is an IXIA pcap file, ${MODIFIED}` },
  { magic: [0xab, 0x01, 0x00, 0x1c], reason: `it is an IXIA pcap file, ${MODIFIED}` },
  { magic: ascii("snoop\0\0\0"), reason: `it is a snoop file (RFC 1761), ${OTHER_CAPTURE}` },
  { magic: ascii("btsnoop\0"), reason: `it is a btsnoop file, ${OTHER_CAPTURE}` },
  { magic: ascii("GMBU"), reason: `it is a Microsoft Network Monitor file, ${OTHER_CAPTURE}` },
  { magic: ascii("RTSS"), reason: `it is a Microsoft Network Monitor file, ${OTHER_CAPTURE}` },
  { magic: ascii("XCP\0"), reason: `it is a NetXRay file, ${OTHER_CAPTURE}` },
  { magic: ascii("TRSNIFF data"), reason: `it is a DOS Sniffer file, ${OTHER_CAPTURE}` },
  { magic: [0x28, 0xb5, 0x2f, 0xfd], reason: `it is compressed with zstd, ${COMPRESSED}` },
  { magic: [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00], reason: `it is compressed with xz, ${COMPRESSED}` },
  { magic: [0x04, 0x22, 0x4d, 0x18], reason: `it is compressed with lz4, ${COMPRESSED}` },
  { magic: ascii("BZh"), reason: `it is compressed with bzip2, ${COMPRESSED}` },
  { magic: ascii("PK\x03\x04"), reason: `it is a zip archive, ${COMPRESSED}` },
];

/** Enough to tell that a file is text: shorter text could be anything. */
const MAGIC_BYTES = 4;

/**
 * Says why a file that begins with `head` cannot be read, as the end of a sentence: no capital, no period.
 *
 * @param head The first bytes of the file, fewer than `HEAD_BYTES` of `open.ts` only when the file is shorter.
 */
export function explainForeign(head: Uint8Array): string {
  if (head.length === 0) return "it is empty (0 bytes)";
  for (const kind of FOREIGN_KINDS) {
    if (beginsWith(head, kind.magic)) return kind.reason;
  }
  if (head.length < MAGIC_BYTES) return `it is not a capture, it has only ${head.length} bytes`;
  if (isText(head)) return explainText(head);
  const magic = Array.from(head.subarray(0, MAGIC_BYTES), (byte) => byte.toString(16).padStart(2, "0")).join("");
  return `it is not a capture in a known format (it begins with the bytes 0x${magic})`;
}

function beginsWith(head: Uint8Array, magic: readonly number[]): boolean {
  return magic.every((byte, index) => head[index] === byte);
}

/** Bytes from 0x80 on count as text, because UTF-8 is likelier than anything else once no control byte is found. */
function isText(head: Uint8Array): boolean {
  return head.every((byte) => byte >= 0x20 && byte !== 0x7f || byte === 0x09 || byte === 0x0a || byte === 0x0d);
}

function explainText(head: Uint8Array): string {
  const text = new TextDecoder().decode(head).trimStart();
  if (/^<(!doctype html|html|head|body)/i.test(text)) return "it is an HTML page, not a capture";
  return `it is text, not a capture (it begins with ${JSON.stringify(text.slice(0, 20))})`;
}
