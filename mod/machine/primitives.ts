/**
 * The byte work that is timed: copy, sum, copy and sum, seal, open, on the bytes of one arena. `bench` executes packets with these,
 * and `calibrate` measures each for itself, so that the prices of the one are about the other.
 *
 * What they are here, and how that differs from a kernel:
 *
 * - A copy is one call of the runtime that moves bytes. The call alone takes some 20 ns, as much as the copy of 1 KiB: the
 *   copies of a few header bytes cost much more here, in proportion, than in a kernel.
 * - A sum is the loop of `wire/checksum.ts` over 16 bytes at a time, about a fifth of the speed of vector code.
 * - Copy and sum, one pass in Linux, are a copy and then a sum over what was just written and lies in the nearest cache.
 * - A cipher takes the pieces of a scatterlist where they lie, as Linux does, if it is AES-GCM, AES-GMAC or
 *   ChaCha20-Poly1305 of OpenSSL. Any other, and all of noble, want one piece: a request of several is gathered, and put back.
 *   A message is opened in place, and judged afterwards.
 *
 * ```ts
 * const u8 = new Uint8Array(4096);
 * copyBytes(u8, 0, 2048, 1460);
 * const cipher = pieceCipher(sa, ENGINES.noble);
 * const request = new CipherRequest(u8, 0, [{ at: 16, bytes: 1464 }], [{ at: 1480, bytes: 16 }], 0);
 * cipher.seal(request);
 * ```
 *
 * @module
 */

import type { Aead, CryptoEngine } from "../crypto/aead.ts";
import { openLibcrypto } from "../crypto/libcrypto.ts";
import { OpensslContext } from "../crypto/openssl_cipher.ts";
import { OFFSET_IV } from "../esp/framing.ts";
import type { SecurityAssociation } from "../esp/sa.ts";
import { partialSum } from "../wire/checksum.ts";

/** Longest ESP packet and more: IP cannot carry it. */
const SCRATCH_BYTES = 1 << 17;

/** Some bytes of an arena. */
export interface Piece {
  /** Offset of the first. */
  readonly at: number;
  /** How many. */
  readonly bytes: number;
}

/** Copies `bytes` bytes of `u8` from `from` to `to`. */
export function copyBytes(u8: Uint8Array, from: number, to: number, bytes: number): void {
  u8.copyWithin(to, from, from + bytes);
}

/** The folded ones-complement sum of `bytes` bytes of `u8` from `at`. */
export function sumBytes(u8: Uint8Array, at: number, bytes: number): number {
  return partialSum(u8, at, bytes);
}

/** Copies as `copyBytes()`, and returns the sum of the bytes. */
export function copyAndSumBytes(u8: Uint8Array, from: number, to: number, bytes: number): number {
  copyBytes(u8, from, to, bytes);
  return sumBytes(u8, to, bytes);
}

/**
 * Views of pieces of `u8`, one for each place and length: many requests have pieces in the same places, and the fewer views there are,
 * the fewer of them the caches have to hold besides what they show.
 */
export class PieceViews {
  readonly #views = new Map<string, Uint8Array<ArrayBuffer>>();

  constructor(readonly u8: Uint8Array<ArrayBuffer>) {}

  /** The view of a piece. */
  of({ at, bytes }: Piece): Uint8Array<ArrayBuffer> {
    const key = `${at} ${bytes}`;
    const known = this.#views.get(key);
    if (known !== undefined) return known;
    const view = this.u8.subarray(at, at + bytes);
    this.#views.set(key, view);
    return view;
  }
}

/**
 * One request to a cipher: made once, before the clock runs, so that nothing need be allocated while it does. Its fields change
 * only where one object stands for many requests (`request_table.ts`).
 */
export class CipherRequest {
  /** The text, piece by piece, as views of the arena. */
  texts: readonly Uint8Array<ArrayBuffer>[];
  /** Where the ICV is, piece by piece: mostly one. No views: nothing but this program touches its few bytes. */
  icvs: readonly Piece[];
  /** Text and ICV in one, where they are one piece; else null. */
  whole: Uint8Array<ArrayBuffer> | null;
  /** Bytes of text. */
  textBytes: number;

  /**
   * The ESP header, SPI to IV, lies in one piece at `espAt` of `u8`; `text` and `icv` follow it, in pieces that may lie
   * anywhere. `high` is the upper half of an extended sequence number. Requests with the same `views` share them.
   */
  constructor(
    readonly u8: Uint8Array<ArrayBuffer>,
    public espAt: number,
    text: readonly Piece[],
    icv: readonly Piece[],
    public high: number,
    views: PieceViews = new PieceViews(u8),
  ) {
    const viewOf = (piece: Piece): Uint8Array<ArrayBuffer> => views.of(piece);
    this.texts = text.map(viewOf);
    this.icvs = icv;
    this.textBytes = text.reduce((sum, { bytes }) => sum + bytes, 0);
    this.whole = isOnePiece([...text, ...icv]) ? viewOf(spanOf([...text, ...icv])) : null;
  }

  /** The same request to bytes in the same places of other memory. */
  movedTo(views: PieceViews): CipherRequest {
    const piecesOf = (pieces: readonly Uint8Array[]): Piece[] => {
      return pieces.map(({ byteOffset, length }) => ({ at: byteOffset - this.u8.byteOffset, bytes: length }));
    };
    return new CipherRequest(views.u8, this.espAt, piecesOf(this.texts), this.icvs, this.high, views);
  }
}

function isOnePiece(pieces: readonly Piece[]): boolean {
  return pieces.every(({ at }, i) => i === 0 || at === pieces[i - 1]!.at + pieces[i - 1]!.bytes);
}

/** Pieces that follow each other, as one. */
function spanOf(pieces: readonly Piece[]): Piece {
  return { at: pieces[0]?.at ?? 0, bytes: pieces.reduce((sum, { bytes }) => sum + bytes, 0) };
}

/** Seals and opens requests under one association, at once and in place. */
export interface PieceCipher {
  /** Encrypts the text and writes the ICV. The header must be there. */
  seal(request: CipherRequest): void;
  /** Decrypts the text; false where the ICV is wrong, and then the text is worthless. */
  open(request: CipherRequest): boolean;
}

/** What seals and opens requests under `sa` with `engine`. */
export function pieceCipher(sa: SecurityAssociation, engine: CryptoEngine): PieceCipher {
  const search = engine.name === "openssl" ? openLibcrypto() : { missing: "another engine" };
  const { algorithm } = sa.suite;
  const name = algorithm === "chacha20-poly1305" ? "ChaCha20-Poly1305" : `AES-${8 * sa.key.length}-GCM`;
  const takesPieces = algorithm === "chacha20-poly1305" || algorithm === "aes-gcm" || algorithm === "aes-gmac";
  if ("missing" in search || !takesPieces) return new GatheringCipher(sa, sa.aead(engine));
  const { functions } = search;
  const encryption = new OpensslContext(functions, name, sa.key, true);
  const decryption = new OpensslContext(functions, name, sa.key, false);
  return new StreamingCipher(sa, encryption, decryption, algorithm === "aes-gmac");
}

/** Gives the pieces to OpenSSL one after the other. */
class StreamingCipher implements PieceCipher {
  readonly #tag: Uint8Array<ArrayBuffer>;
  /** What GMAC authenticates besides, the IV of the packet (RFC 4543, section 3.3): the end of the scratch array of nonces. */
  readonly #iv: Uint8Array;

  constructor(
    readonly sa: SecurityAssociation,
    readonly encryption: OpensslContext,
    readonly decryption: OpensslContext,
    /** Nothing is encrypted: the text is additional data. */
    readonly leavesClear: boolean,
  ) {
    this.#tag = new Uint8Array(sa.icvBytes);
    this.#iv = sa.nonceFor(new Uint8Array(sa.ivBytes), 0).subarray(sa.salt.length);
  }

  seal(request: CipherRequest): void {
    const { encryption } = this;
    this.#text(encryption, request);
    if (!encryption.finish()) throw new Error("Cannot encrypt with OpenSSL: EVP_CipherFinal_ex failed");
    encryption.getTag(this.#tag);
    let done = 0;
    const { u8, icvs } = request;
    for (const { at, bytes } of icvs) for (let i = 0; i < bytes; i++) u8[at + i] = this.#tag[done++]!;
  }

  open(request: CipherRequest): boolean {
    const { decryption } = this;
    this.#text(decryption, request);
    let done = 0;
    const { u8, icvs } = request;
    for (const { at, bytes } of icvs) for (let i = 0; i < bytes; i++) this.#tag[done++] = u8[at + i]!;
    decryption.setTag(this.#tag);
    return decryption.finish();
  }

  #text(context: OpensslContext, { u8, espAt, high, texts }: CipherRequest): void {
    context.begin(this.sa.nonceFor(u8, espAt + OFFSET_IV));
    context.authenticate(this.sa.aadFor(u8, espAt, high));
    if (this.leavesClear) context.authenticate(this.#iv);
    for (const text of texts) {
      if (this.leavesClear) context.authenticate(text);
      else context.updateWhole(text);
    }
  }
}

/** Gathers what is not in one piece, and puts it back. */
class GatheringCipher implements PieceCipher {
  readonly #scratch = new Uint8Array(SCRATCH_BYTES);

  constructor(readonly sa: SecurityAssociation, readonly aead: Aead) {}

  seal(request: CipherRequest): void {
    const { sa, aead } = this;
    if (isWithoutWork(sa)) return;
    const { u8, espAt, high, whole, textBytes } = request;
    const nonce = sa.nonceFor(u8, espAt + OFFSET_IV);
    const aad = sa.aadFor(u8, espAt, high);
    if (whole === null) gather(request, this.#scratch);
    aead.seal(nonce, aad, whole ?? this.#scratch, 0, textBytes);
    if (whole === null) scatter(request, this.#scratch);
  }

  open(request: CipherRequest): boolean {
    const { sa, aead } = this;
    if (isWithoutWork(sa)) return true;
    const { u8, espAt, high, whole, textBytes } = request;
    const nonce = sa.nonceFor(u8, espAt + OFFSET_IV);
    const aad = sa.aadFor(u8, espAt, high);
    if (whole === null) gather(request, this.#scratch);
    const isRight = aead.open(nonce, aad, whole ?? this.#scratch, 0, textBytes + sa.icvBytes);
    if (whole === null) scatter(request, this.#scratch);
    return isRight;
  }
}

/** NULL without an HMAC does nothing to bytes, wherever they lie. */
function isWithoutWork(sa: SecurityAssociation): boolean {
  return sa.suite.algorithm === "null";
}

function gather({ u8, texts, icvs }: CipherRequest, into: Uint8Array): void {
  let at = 0;
  for (const piece of texts) {
    into.set(piece, at);
    at += piece.length;
  }
  for (const piece of icvs) for (let i = 0; i < piece.bytes; i++) into[at++] = u8[piece.at + i]!;
}

function scatter({ u8, texts, icvs }: CipherRequest, from: Uint8Array): void {
  let at = 0;
  for (const piece of texts) {
    piece.set(from.subarray(at, at + piece.length));
    at += piece.length;
  }
  for (const piece of icvs) for (let i = 0; i < piece.bytes; i++) u8[piece.at + i] = from[at++]!;
}
