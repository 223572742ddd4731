/**
 * The text of an IP address or prefix as a regular expression: what a key with an address takes, and what its JSON Schema
 * says. `wire/ip_prefix.ts` parses the same texts.
 *
 * @module
 */

const OCTET = "(25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])";
const IPV4 = `${OCTET}(\\.${OCTET}){3}`;
const GROUP = "[0-9a-fA-F]{1,4}";
/** The last two groups of an IPv6 address. */
const LAST_32_BITS = `(${GROUP}:${GROUP}|${IPV4})`;
/** The grammar of RFC 3986, section 3.2.2: one line for each number of groups behind "::", the first without it. */
const IPV6 = [
  `(${GROUP}:){6}${LAST_32_BITS}`,
  `::(${GROUP}:){5}${LAST_32_BITS}`,
  `(${GROUP})?::(${GROUP}:){4}${LAST_32_BITS}`,
  `((${GROUP}:){0,1}${GROUP})?::(${GROUP}:){3}${LAST_32_BITS}`,
  `((${GROUP}:){0,2}${GROUP})?::(${GROUP}:){2}${LAST_32_BITS}`,
  `((${GROUP}:){0,3}${GROUP})?::${GROUP}:${LAST_32_BITS}`,
  `((${GROUP}:){0,4}${GROUP})?::${LAST_32_BITS}`,
  `((${GROUP}:){0,5}${GROUP})?::${GROUP}`,
  `((${GROUP}:){0,6}${GROUP})?::`,
].join("|");

/** An IPv4 or IPv6 address, or one of them, "/" and a number of bits. Not anchored: put it in parentheses. */
export const IP_PREFIX_PATTERN: string = `${IPV4}(/(3[0-2]|[12]?[0-9]))?|(${IPV6})(/(12[0-8]|1[01][0-9]|[1-9]?[0-9]))?`;
