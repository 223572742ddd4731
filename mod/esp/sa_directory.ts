/**
 * The associations of a file, as a receiver has them: made when the first packet comes that an entry is for, since an entry may
 * leave addresses, SPI, mode and encapsulation open.
 *
 * Of entries that take the same packet the first counts, as in Wireshark. The mode that an entry leaves open is read off the
 * first packet: what carries an IP packet is a tunnel, and so is what does not open, until one does.
 *
 * ```ts
 * import { ENGINES } from "../crypto/engines.ts";
 * import { SaDirectory } from "./sa_directory.ts";
 * new SaDirectory([], ENGINES.noble, { seed: 1, windowSize: 64 }).openerOf(new Uint8Array(60), null); // undefined
 * ```
 *
 * @module
 */
import type { CryptoEngine } from "../crypto/aead.ts";
import { get32 } from "../wire/bytes.ts";
import * as ip from "../wire/ip.ts";
import * as ipv4 from "../wire/ipv4.ts";
import * as ipv6 from "../wire/ipv6.ts";
import { PROTOCOL_IPIP, PROTOCOL_IPV6 } from "../wire/ip_protocol.ts";
import type { EspMode } from "./arithmetic.ts";
import { EspOpener } from "./esp_opener.ts";
import { espOffsetOf, openEspPacket } from "./esp_packet.ts";
import { type InboundAssociation, InboundTable } from "./inbound.ts";
import { isOldCipherName } from "./old_suites.ts";
import { SecurityAssociation, type UdpEncapsulation } from "./sa.ts";
import { isExact, matchesAddress, matchesSpi, type SaEntry, SaFileError } from "./sa_entry.ts";

/** What the configuration says of every association. */
export interface DirectoryOptions {
  readonly seed: number;
  /** Numbers that a replay window covers where its entry does not tell. */
  readonly windowSize: number;
  /** They count whatever entries tell; absent: false. */
  readonly isWindowChosen?: boolean;
}

/** Entries, and what has been made of them. */
export class SaDirectory {
  /** The associations that there are so far. */
  readonly table: InboundTable;
  /** UDP ports to which packets in UDP come, so far. */
  readonly ports: Set<number> = new Set();
  readonly #openers = new Map<InboundAssociation, EspOpener>();
  /** Associations whose mode nothing has told yet, and their entries. */
  readonly #guesses = new Map<InboundAssociation, SaEntry>();

  constructor(
    readonly entries: readonly SaEntry[],
    readonly engine: CryptoEngine,
    readonly options: DirectoryOptions,
  ) {
    this.table = new InboundTable([], options.windowSize);
  }

  /**
   * What opens the ESP packet that begins with the IP header at the start of `packet`, and in UDP comes between the ports of
   * `encapsulation`; undefined where no entry is for it.
   */
  openerOf(packet: Uint8Array, encapsulation: UdpEncapsulation | null): EspOpener | undefined {
    // The other end of a NAT may have any port.
    if (encapsulation !== null) this.ports.add(encapsulation.destinationPort);
    const espAt = espOffsetOf(packet, encapsulation);
    if (espAt === undefined) return undefined;
    const spi = get32(packet, espAt);
    // There is no such SPI on the wire (RFC 4303, section 2.1), whatever wildcards say.
    if (spi === 0) return undefined;
    const known = this.table.find(packet, 0, spi);
    if (known !== undefined) return this.#checked(known, packet, encapsulation);
    const entry = this.entries.find((each) => isFor(each, packet, spi));
    return entry === undefined ? undefined : this.#make(entry, packet, spi, encapsulation);
  }

  #make(entry: SaEntry, packet: Uint8Array, spi: number, encapsulation: UdpEncapsulation | null): EspOpener {
    const mode = this.#modeOf(entry, packet, spi, encapsulation);
    const sa = this.#associationOf(entry, packet, spi, mode ?? "tunnel", encapsulation);
    const aead = sa.aead(this.engine);
    const opener = new EspOpener(sa, aead);
    const { isWindowChosen = false, windowSize } = this.options;
    const inbound = this.table.add({
      sa,
      aead,
      isBound: true,
      windowSize: isWindowChosen ? windowSize : entry.replayWindow ?? windowSize,
    });
    this.#openers.set(inbound, opener);
    if (mode === undefined) this.#guesses.set(inbound, entry);
    return opener;
  }

  /** Where the mode was a guess, a packet that opens may tell another. */
  #checked(
    known: InboundAssociation,
    packet: Uint8Array,
    encapsulation: UdpEncapsulation | null,
  ): EspOpener | undefined {
    const entry = this.#guesses.get(known);
    const mode = entry === undefined ? undefined : this.#modeOf(entry, packet, known.sa.spi, encapsulation);
    if (entry === undefined || mode === undefined) return this.#openers.get(known);
    this.#guesses.delete(known);
    if (mode === known.sa.mode) return this.#openers.get(known);
    this.table.remove(known);
    this.#openers.delete(known);
    return this.#make(entry, packet, known.sa.spi, encapsulation);
  }

  /** Undefined where neither the entry nor the packet tells. */
  #modeOf(
    entry: SaEntry,
    packet: Uint8Array,
    spi: number,
    encapsulation: UdpEncapsulation | null,
  ): EspMode | undefined {
    if (entry.mode !== undefined) return entry.mode;
    const sa = this.#associationOf(entry, packet, spi, "transport", encapsulation);
    const result = openEspPacket(packet, sa, sa.aead(this.engine));
    if (!result.opened) return undefined;
    return result.nextHeader === PROTOCOL_IPIP || result.nextHeader === PROTOCOL_IPV6 ? "tunnel" : "transport";
  }

  #associationOf(
    entry: SaEntry,
    packet: Uint8Array,
    spi: number,
    mode: EspMode,
    encapsulation: UdpEncapsulation | null,
  ): SecurityAssociation {
    const { sourceAt, destinationAt, bytes } = addressesOf(packet);
    return new SecurityAssociation({
      ...entry,
      spi,
      mode,
      source: packet.slice(sourceAt, sourceAt + bytes),
      destination: packet.slice(destinationAt, destinationAt + bytes),
      seed: this.options.seed,
      encapsulation: entry.encapsulation === undefined ? encapsulation : entry.encapsulation,
    });
  }
}

function addressesOf(packet: Uint8Array): { sourceAt: number; destinationAt: number; bytes: number } {
  return ip.isIpv6(packet, 0)
    ? { sourceAt: ipv6.OFFSET_SOURCE, destinationAt: ipv6.OFFSET_DESTINATION, bytes: ipv6.ADDRESS_BYTES }
    : { sourceAt: ipv4.OFFSET_SOURCE, destinationAt: ipv4.OFFSET_DESTINATION, bytes: 4 };
}

function isFor({ version, source, destination, spi: pattern }: SaEntry, packet: Uint8Array, spi: number): boolean {
  const { sourceAt, destinationAt, bytes } = addressesOf(packet);
  if (version !== undefined && version !== (bytes === ipv6.ADDRESS_BYTES ? 6 : 4)) return false;
  if ([source, destination].some(({ value }) => value.length > 0 && value.length !== bytes)) return false;
  return matchesSpi(pattern, spi) && matchesAddress(source, packet, sourceAt) &&
    matchesAddress(destination, packet, destinationAt);
}

/**
 * The association of the first entry, for a sender, or to seal with what is to be received.
 *
 * @throws {SaFileError} if the entry leaves SPI, mode or, in tunnel mode, an address open.
 */
export function outboundAssociation(entries: readonly SaEntry[], seed: number, mode: EspMode): SecurityAssociation {
  const entry = entries[0]!;
  const actual = entry.mode ?? mode;
  if (isOldCipherName(entry.cipher)) {
    throw new SaFileError(`Cannot seal under an SA of a file: ${entry.cipher} is only opened, line ${entry.line}`);
  }
  if (entry.spi.mask !== 0xffffffff) throw open(entry, "SPI");
  const isTransport = actual === "transport";
  if (!isTransport && !isExact(entry.source)) throw open(entry, "source");
  if (!isTransport && !isExact(entry.destination)) throw open(entry, "destination");
  const areExact = isExact(entry.source) && isExact(entry.destination);
  const sa = new SecurityAssociation({
    ...entry,
    spi: entry.spi.value,
    mode: actual,
    source: areExact ? entry.source.value : new Uint8Array(4),
    destination: areExact ? entry.destination.value : new Uint8Array(4),
    seed,
    encapsulation: entry.encapsulation ?? null,
  });
  sa.resumeAfter(entry.lastSequence);
  return sa;
}

function open({ line }: SaEntry, field: string): SaFileError {
  return new SaFileError(`Cannot seal under an SA of a file: it takes more than one ${field}, line ${line}`);
}
