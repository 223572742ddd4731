/**
 * Time stamps of pcapng: counts of a unit that each interface chooses (`if_tsresol`), a power of ten or of two.
 *
 * A stamp is a 64-bit number in two halves of 32 bits. It is taken apart into seconds and nanoseconds in doubles alone, and
 * exactly: what is finer than a nanosecond is rounded down, and nothing else is.
 *
 * @example
 * ```ts
 * import { StampScale } from "./pcapng_stamp.ts";
 * const scale = new StampScale(6, 0); // Microseconds since 1970.
 * scale.read(0, 1_500_000);
 * [scale.seconds, scale.nanoseconds]; // [1, 500000000]
 * ```
 *
 * @module
 */

const NS_PER_SECOND = 1_000_000_000;
const TWO_32 = 2 ** 32;
/** Bit of `if_tsresol` that says that the rest is a power of two. */
const BINARY = 0x80;
/** Digits of a nanosecond. */
const NS_DIGITS = 9;
/** A divisor of 6 digits and a dividend's half of 32 bits together stay below the 53 bits of a double. */
const STEP_DIGITS = 6;
const POWERS_OF_TEN: readonly number[] = [1, 10, 100, 1000, 10_000, 100_000, 1_000_000, 1e7, 1e8, 1e9];

/** Takes stamps of one interface apart. The result stays in the object until the next stamp. */
export class StampScale {
  /** Whole seconds since 1970-01-01 UTC, negative where the offset of the interface makes them so. */
  seconds = 0;
  /** Nanoseconds of the second, 0 to 999999999. */
  nanoseconds = 0;
  readonly #isBinary: boolean;
  /** Digits of the unit behind the point, binary or decimal. */
  readonly #digits: number;
  /** Binary: seconds per unit of either half. */
  readonly #highScale: number;
  readonly #lowScale: number;
  /** Decimal: the number that is being divided, and the rest. */
  #high = 0;
  #low = 0;
  #rest = 0;

  /**
   * Sets the unit.
   *
   * @param resolution The byte `if_tsresol`: n for 10^-n seconds, 0x80 + n for 2^-n seconds.
   * @param offsetSeconds `if_tsoffset`: added to every stamp.
   */
  constructor(resolution: number, readonly offsetSeconds: number) {
    this.#isBinary = (resolution & BINARY) !== 0;
    this.#digits = resolution & ~BINARY;
    this.#highScale = 2 ** (32 - this.#digits);
    this.#lowScale = 2 ** -this.#digits;
  }

  /** Takes a stamp apart; both halves are unsigned 32-bit numbers. */
  read(high: number, low: number): void {
    if (this.#isBinary) this.#readBinary(high, low);
    else this.#readDecimal(high, low);
    this.seconds += this.offsetSeconds;
  }

  /**
   * Each half has 32 bits and a power of two shifts them, so both products below are exact; 10^9 = 2^9 * 5^9 adds 21 bits,
   * which a double just holds. Only the sum of the two would not fit, so carries are found by comparing.
   */
  #readBinary(high: number, low: number): void {
    const highSeconds = high * this.#highScale;
    const lowSeconds = low * this.#lowScale;
    const highWhole = Math.floor(highSeconds);
    const lowWhole = Math.floor(lowSeconds);
    const highNs = (highSeconds - highWhole) * NS_PER_SECOND;
    const lowNs = (lowSeconds - lowWhole) * NS_PER_SECOND;
    const highWholeNs = Math.floor(highNs);
    const lowWholeNs = Math.floor(lowNs);
    const carry = lowNs - lowWholeNs >= 1 - (highNs - highWholeNs) ? 1 : 0;
    this.seconds = highWhole + lowWhole;
    this.nanoseconds = highWholeNs + lowWholeNs + carry;
  }

  #readDecimal(high: number, low: number): void {
    this.#high = high;
    this.#low = low;
    for (let finer = this.#digits - NS_DIGITS; finer > 0; finer -= STEP_DIGITS) {
      this.#divide(POWERS_OF_TEN[Math.min(finer, STEP_DIGITS)]!);
    }
    const digits = Math.min(this.#digits, NS_DIGITS);
    const lowDigits = Math.min(digits, STEP_DIGITS);
    this.#divide(POWERS_OF_TEN[lowDigits]!);
    const lowRest = this.#rest;
    this.#divide(POWERS_OF_TEN[digits - lowDigits]!);
    this.seconds = this.#high * TWO_32 + this.#low;
    this.nanoseconds = (this.#rest * POWERS_OF_TEN[lowDigits]! + lowRest) * POWERS_OF_TEN[NS_DIGITS - digits]!;
  }

  /** Long division of the two halves. */
  #divide(divisor: number): void {
    const highQuotient = Math.floor(this.#high / divisor);
    const dividend = (this.#high - highQuotient * divisor) * TWO_32 + this.#low;
    const lowQuotient = Math.floor(dividend / divisor);
    this.#high = highQuotient;
    this.#low = lowQuotient;
    this.#rest = dividend - lowQuotient * divisor;
  }
}
