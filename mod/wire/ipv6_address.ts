/**
 * IPv6 addresses as text: parsing what people write (RFC 4291, section 2.2), writing the one form that RFC 5952 wants.
 *
 * Zone identifiers (`fe80::1%eth0`) and prefix lengths are no part of an address here.
 *
 * ```ts
 * import { formatAddress6, parseAddress6 } from "./ipv6_address.ts";
 * const address = parseAddress6("2001:DB8:0:0:0:0:0:1")!; // 16 bytes
 * formatAddress6(address, 0); // "2001:db8::1"
 * ```
 *
 * @module
 */
import { get16, get32, set16 } from "./bytes.ts";
import { formatAddress, parseAddress } from "./ipv4.ts";
import { ADDRESS_BYTES } from "./ipv6.ts";

const GROUPS = 8;
/** The longest address that is written without "::", the last 32 bits in dotted form. */
const LONGEST_TEXT = "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255".length;

/**
 * The 16 bytes of an address, a new array; undefined where the text is no such thing. Groups of 1 to 4 hexadecimal digits,
 * "::" at most once and for one group at least, the last two groups as a dotted IPv4 address if one likes.
 */
export function parseAddress6(text: string): Uint8Array | undefined {
  if (text.length > LONGEST_TEXT) return undefined;
  const [head, tail, more] = text.split("::", 3) as [string, string | undefined, string | undefined];
  if (more !== undefined) return undefined;
  const front = parseGroups(head, tail === undefined);
  const back = tail === undefined ? [] : parseGroups(tail, true);
  if (front === undefined || back === undefined) return undefined;
  const missing = GROUPS - front.length - back.length;
  if (tail === undefined ? missing !== 0 : missing < 1) return undefined;
  const address = new Uint8Array(ADDRESS_BYTES);
  front.forEach((group, i) => set16(address, 2 * i, group));
  back.forEach((group, i) => set16(address, 2 * (front.length + missing + i), group));
  return address;
}

/** The numbers of groups between colons, none of an empty text; undefined where one is wrong. */
function parseGroups(text: string, dottedAllowed: boolean): number[] | undefined {
  if (text === "") return [];
  const groups: number[] = [];
  const words = text.split(":");
  for (const [i, word] of words.entries()) {
    if (/^[0-9a-fA-F]{1,4}$/.test(word)) {
      groups.push(parseInt(word, 16));
      continue;
    }
    const dotted = dottedAllowed && i === words.length - 1 ? parseAddress(word) : undefined;
    if (dotted === undefined) return undefined;
    groups.push(dotted >>> 16, dotted & 0xffff);
  }
  return groups;
}

/**
 * The text of the 16 bytes at absolute offset `at` (RFC 5952): lower case, no leading zeros, the first of the longest runs
 * of zero groups, if of two or more, as "::", and an IPv4-mapped address (::ffff:0:0/96) with its last 32 bits dotted.
 */
export function formatAddress6(u8: Uint8Array, at: number): string {
  const groups: string[] = [];
  for (let i = 0; i < GROUPS; i++) groups.push(get16(u8, at + 2 * i).toString(16));
  if (get32(u8, at) === 0 && get32(u8, at + 4) === 0 && get32(u8, at + 8) === 0xffff) {
    return `::ffff:${formatAddress(get32(u8, at + 12))}`;
  }
  const [start, length] = longestZeros(groups);
  if (length < 2) return groups.join(":");
  return `${groups.slice(0, start).join(":")}::${groups.slice(start + length).join(":")}`;
}

/** Start and length of the first of the longest runs of zero groups. */
function longestZeros(groups: readonly string[]): [start: number, length: number] {
  let start = 0;
  let length = 0;
  for (let i = 0; i < groups.length; i++) {
    let end = i;
    while (groups[end] === "0") end++;
    if (end - i > length) [start, length] = [i, end - i];
  }
  return [start, length];
}
