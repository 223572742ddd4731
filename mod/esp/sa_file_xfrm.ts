/**
 * Security associations as `ip xfrm state` prints them (iproute2): `src` and `dst` begin one, indented lines follow.
 *
 * What matters is read: SPI, mode, flags, replay window, algorithms with their keys, encapsulation, sequence numbers. Lines and words of no
 * matter here are passed over. SAs of other protocols than ESP are left out.
 *
 * ```ts
 * import { parseXfrmState } from "./sa_file_xfrm.ts";
 * parseXfrmState("src 192.0.2.1 dst 192.0.2.2\n\tproto esp spi 0x1001 mode tunnel\n\tenc ecb(cipher_null)\n");
 * ```
 *
 * @module
 */
import type { EspMode } from "./arithmetic.ts";
import type { UdpEncapsulation } from "./sa.ts";
import {
  type Encryption,
  type HashName,
  KERNEL_AEADS,
  KERNEL_CIPHERS,
  KERNEL_HASHES,
  suiteOf,
} from "./sa_algorithms.ts";
import { type AddressPattern, addressPattern, isExact, oneSpi, type SaEntry, SaFileError } from "./sa_entry.ts";
import { suiteNamed } from "./old_suites.ts";
import { DEFAULT_TUNNEL_HEADER, type TunnelHeaderOptions } from "./tunnel_header.ts";

/** What has been read of one state. */
interface State {
  readonly line: number;
  readonly source: AddressPattern;
  readonly destination: AddressPattern;
  isEsp: boolean;
  spi: number | undefined;
  mode: EspMode;
  encryption: Encryption | undefined;
  secret: Uint8Array;
  secretLine: number;
  hash: HashName | undefined;
  authKey: Uint8Array;
  authLine: number;
  esn: boolean;
  encapsulation: UdpEncapsulation | null;
  tunnelHeader: TunnelHeaderOptions;
  tfcPadBytes: number;
  lastSequence: number;
  replayWindow: number | undefined;
}

const NO_BYTES = new Uint8Array(0);
/** What the kernel takes: XFRMA_REPLAY_ESN_MAX of linux/xfrm.h, in bits. */
const LONGEST_WINDOW = 4096;

/**
 * The states of ESP in a printed list.
 *
 * @throws {SaFileError} if something that matters cannot be read, or is not known.
 */
export function parseXfrmState(text: string): SaEntry[] {
  const states: State[] = [];
  text.split(/\r?\n/).forEach((content, i) => {
    const words = content.trim().split(/\s+/);
    if (words[0] === "" || words[0]!.startsWith("#")) return;
    if (words[0] === "src" && /^\S/.test(content)) states.push(begin(words, i + 1));
    else if (states.length === 0) throw refusal(i + 1, "src", "the list does not begin with a state");
    else readLine(states.at(-1)!, words, i + 1);
  });
  return states.filter(({ isEsp }) => isEsp).map(entryOf);
}

function begin(words: readonly string[], line: number): State {
  return {
    line,
    source: addressOf(words[1], "src", line),
    destination: addressOf(words[2] === "dst" ? words[3] : undefined, "dst", line),
    isEsp: false,
    spi: undefined,
    mode: "transport",
    encryption: undefined,
    secret: NO_BYTES,
    secretLine: line,
    hash: undefined,
    authKey: NO_BYTES,
    authLine: line,
    esn: false,
    encapsulation: null,
    tunnelHeader: DEFAULT_TUNNEL_HEADER,
    tfcPadBytes: 0,
    lastSequence: 0,
    replayWindow: undefined,
  };
}

function addressOf(text: string | undefined, field: string, line: number): AddressPattern {
  const pattern = text === undefined ? undefined : addressPattern(text);
  if (pattern === undefined || !isExact(pattern)) throw refusal(line, field, "it is no address");
  return pattern;
}

function readLine(state: State, words: readonly string[], line: number): void {
  switch (words[0]) {
    case "proto":
      return readProtocol(state, words, line);
    case "replay-window":
      state.replayWindow = windowOf(words[1], "replay-window", line);
      return readFlags(state, words);
    case "replay_window":
      // Where a state has a longer window, this line tells it and the other says 0.
      state.replayWindow = windowOf(words[1]?.replace(/,$/, ""), "replay_window", line);
      return;
    case "flag":
    case "extra_flag":
      return readFlags(state, words);
    case "aead":
      return readAead(state, words, line);
    case "enc":
      return readCipher(state, words, line);
    case "auth":
    case "auth-trunc":
      return readHash(state, words, line);
    case "comp":
      throw refusal(line, "comp", "compression is not built");
    case "encap":
      return readEncapsulation(state, words, line);
    case "tfcpad":
      state.tfcPadBytes = numberOf(words[1], "tfcpad", line);
      return;
    case "anti-replay":
    case "seq-hi":
      return readSequence(state, words, line);
  }
}

function readProtocol(state: State, words: readonly string[], line: number): void {
  state.isEsp = words[1] === "esp";
  if (!state.isEsp) return;
  state.spi = numberOf(after(words, "spi"), "spi", line);
  const mode = after(words, "mode") ?? "transport";
  if (mode !== "tunnel" && mode !== "transport") {
    throw refusal(line, "mode", `${nameOf(mode)} is neither tunnel nor transport`);
  }
  state.mode = mode;
}

function readFlags(state: State, words: readonly string[]): void {
  const has = (flag: string): boolean => words.includes(flag);
  if (has("esn")) state.esn = true;
  const header = state.tunnelHeader;
  state.tunnelHeader = {
    ecn: header.ecn && !has("noecn"),
    encapsulatesDscp: header.encapsulatesDscp && !has("dont-encap-dscp"),
    decapsulatesDscp: header.decapsulatesDscp || has("decap-dscp"),
    pathMtuDiscovery: header.pathMtuDiscovery && !has("nopmtudisc"),
  };
}

function readAead(state: State, words: readonly string[], line: number): void {
  const family = KERNEL_AEADS.get(words[1] ?? "");
  if (family === undefined) throw refusal(line, "aead", `${nameOf(words[1])} is not built`);
  state.secret = secretOf(words[2], "aead", line);
  const icvBits = numberOf(words[3], "ICV of aead", line);
  state.encryption = { family, icvBytes: icvBits / 8 };
  state.secretLine = line;
}

function readCipher(state: State, words: readonly string[], line: number): void {
  const family = KERNEL_CIPHERS.get(words[1] ?? "");
  if (family === undefined) throw refusal(line, "enc", `${nameOf(words[1])} is not built`);
  state.encryption = { family };
  state.secret = family === "null" ? NO_BYTES : secretOf(words[2], "enc", line);
  state.secretLine = line;
}

function readHash(state: State, words: readonly string[], line: number): void {
  const field = words[0]!;
  const known = KERNEL_HASHES.get(words[1] ?? "");
  if (known === undefined) throw refusal(line, field, `${nameOf(words[1])} is not built`);
  if (known.hash === undefined) return;
  state.authKey = secretOf(words[2], field, line);
  const icvBits = field === "auth" ? known.icvBits : numberOf(words[3], "auth-trunc", line);
  if (icvBits !== known.icvBits) {
    throw refusal(line, field, `an ICV of ${icvBits} bits is not built, of ${known.icvBits} is`);
  }
  state.hash = known.hash;
  state.authLine = line;
}

function windowOf(text: string | undefined, field: string, line: number): number {
  const numbers = numberOf(text, field, line);
  if (numbers > LONGEST_WINDOW) throw refusal(line, field, `it is more than ${LONGEST_WINDOW}`);
  return numbers;
}

function readEncapsulation(state: State, words: readonly string[], line: number): void {
  const type = after(words, "type") ?? "";
  if (type !== "espinudp") throw refusal(line, "encap", `${nameOf(type)} is not built`);
  state.encapsulation = {
    sourcePort: numberOf(after(words, "sport"), "sport", line),
    destinationPort: numberOf(after(words, "dport"), "dport", line),
  };
}

function readSequence(state: State, words: readonly string[], line: number): void {
  const plain = words.map((word) => word.replace(/,$/, ""));
  const low = after(plain, "oseq");
  if (low === undefined) return;
  const high = after(plain, "oseq_hi") ?? after(plain, "oseq-hi") ?? "0x0";
  state.lastSequence = numberOf(high, "oseq_hi", line) * 2 ** 32 + numberOf(low, "oseq", line);
}

function entryOf(state: State): SaEntry {
  const { line, encryption, secret, hash, authKey } = state;
  if (state.spi === undefined) throw refusal(line, "spi", "it is missing");
  if (encryption === undefined) throw refusal(line, "aead or enc", "it is missing");
  const suite = suiteOf(encryption, hash, secret.length);
  if (suite === undefined) {
    const field = encryption.icvBytes === undefined ? "enc" : "aead";
    throw refusal(
      state.secretLine,
      field,
      `${secret.length} bytes of key, or this ICV, are none of ${encryption.family}`,
    );
  }
  const { authKeyBytes } = suiteNamed(suite.cipher);
  if (authKey.length !== authKeyBytes) {
    throw refusal(state.authLine, "auth", `the key has ${authKey.length} bytes, not ${authKeyBytes}`);
  }
  return {
    line,
    version: undefined,
    source: state.source,
    destination: state.destination,
    spi: oneSpi(state.spi),
    cipher: suite.cipher,
    key: secret.subarray(0, suite.keyBytes),
    salt: secret.subarray(suite.keyBytes),
    authKey,
    mode: state.mode,
    esn: state.esn,
    encapsulation: state.encapsulation,
    tunnelHeader: state.tunnelHeader,
    tfcPadBytes: state.tfcPadBytes,
    lastSequence: state.lastSequence,
    replayWindow: state.replayWindow,
  };
}

function after(words: readonly string[], word: string): string | undefined {
  const at = words.indexOf(word);
  return at < 0 ? undefined : words[at + 1];
}

/** A number of 32 bits, as `ip` prints them: `0x00001001`, `32`, or `0x00001001(4097)`. */
function numberOf(text: string | undefined, field: string, line: number): number {
  const digits = (text ?? "").replace(/\(\d+\)$/, "");
  if (!/^(0x[0-9a-f]{1,8}|[0-9]{1,10})$/i.test(digits) || Number(digits) > 0xffffffff) {
    throw refusal(line, field, "it is no number");
  }
  return Number(digits);
}

function secretOf(text: string | undefined, field: string, line: number): Uint8Array {
  if (text?.startsWith("<<")) throw refusal(line, field, "the key is hidden (print the list without nokeys)");
  if (text === undefined || !/^0x(?:[0-9a-f]{2})*$/i.test(text)) {
    throw refusal(line, field, "the key is not 0x and pairs of hexadecimal digits");
  }
  return Uint8Array.fromHex(text.slice(2));
}

/** A name of the crypto API, and nothing that could be a key. */
function nameOf(text: string | undefined): string {
  if (text === undefined || !/^[a-z][a-z0-9_(),-]{0,47}$/.test(text) || /[0-9a-f]{8}/.test(text)) {
    return "what is there";
  }
  return text;
}

function refusal(line: number, field: string, what: string): SaFileError {
  return new SaFileError(`${what}, field ${field}, line ${line}`);
}
