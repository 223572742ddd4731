/**
 * A straight line through what a piece of work takes for messages of several lengths: so much for each call, and so much for
 * each byte.
 *
 * The line is that whose relative errors are least in the sum of their squares, so that 64 bytes count as much as 64 KiB unless
 * they have other weights. Neither part is negative: a line that would begin below 0 goes through 0, and one that would
 * fall is level.
 *
 * ```ts
 * import { fitLine } from "./line_fit.ts";
 * fitLine([{ bytes: 100, ns: 30 }, { bytes: 200, ns: 50 }, { bytes: 400, ns: 90 }]); // 10 ns per call, 0.2 ns per byte
 * ```
 *
 * @module
 */

/** What one call with a message of so many bytes takes. */
export interface Point {
  /** Length of the message. */
  readonly bytes: number;
  /** Time of one call, above 0. */
  readonly ns: number;
  /** How many points it counts as; 1 unless given. */
  readonly weight?: number;
}

/** `nsPerCall + bytes * nsPerByte`, neither negative. */
export interface Line {
  /** What a call takes whatever the length. */
  readonly nsPerCall: number;
  /** What each byte adds. */
  readonly nsPerByte: number;
}

/**
 * The line through `points`.
 *
 * @throws {RangeError} if there are fewer than two lengths, or a time is not above 0.
 */
export function fitLine(points: readonly Point[]): Line {
  const wrong = points.find(({ ns }) => !(ns > 0 && Number.isFinite(ns)));
  if (wrong !== undefined) throw new RangeError(`Cannot fit a line: ${wrong.bytes} bytes take ${wrong.ns} ns`);
  if (new Set(points.map(({ bytes }) => bytes)).size < 2) {
    throw new RangeError("Cannot fit a line: there are fewer than two lengths");
  }
  // With u = 1 / ns and v = bytes / ns, sum((nsPerCall * u + nsPerByte * v - 1)^2) is to be least.
  let [u, v, uu, uv, vv] = [0, 0, 0, 0, 0];
  for (const { bytes, ns, weight = 1 } of points) {
    u += weight / ns;
    v += weight * bytes / ns;
    uu += weight / (ns * ns);
    uv += weight * bytes / (ns * ns);
    vv += weight * bytes * bytes / (ns * ns);
  }
  const determinant = uu * vv - uv * uv;
  const nsPerCall = (u * vv - v * uv) / determinant;
  const nsPerByte = (v * uu - u * uv) / determinant;
  if (nsPerCall < 0) return { nsPerCall: 0, nsPerByte: v / vv };
  if (nsPerByte < 0) return { nsPerCall: u / uu, nsPerByte: 0 };
  return { nsPerCall, nsPerByte };
}

/** What the line says of a message of `bytes` bytes, in ns. */
export function onLine({ nsPerCall, nsPerByte }: Line, bytes: number): number {
  return nsPerCall + bytes * nsPerByte;
}

/** By which share of it the point that is worst off lies beside the line: 0.1 is 10 %. */
export function worstResidual(line: Line, points: readonly Point[]): number {
  return Math.max(...points.map(({ bytes, ns }) => Math.abs(onLine(line, bytes) - ns) / ns));
}
