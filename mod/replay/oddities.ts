/**
 * What was odd about a capture, counted for the warnings of a run.
 *
 * @module
 */

/** Counts; all of packets, where nothing else is said. */
export class Oddities {
  /** Bytes were missing and made up. */
  cut = 0;
  /** The checksum had been left to a NIC, and was completed. */
  checksumLeft = 0;
  /** Above what the device can receive, and dropped. */
  aboveMtu = 0;
  /** Super-packets that arrived as aggregates. */
  superPackets = 0;
  /** Segments of these. */
  superSegments = 0;
  /** Above the MTU inside, and re-cut (`oversize=mss`). */
  recut = 0;
  /** Of a link type that is not understood. */
  otherLink = 0;
  /** Captured with another link layer than plain Ethernet. */
  reframed = 0;
  /** Not from our host. */
  ignored = 0;
  /** Datagrams of which fragments were missing, and filled in. */
  incomplete = 0;
  /** Places in streams of which bytes were missing, and left out. */
  gaps = 0;
  /** ESP packets that our SA does not open. */
  unopened = 0;
  /** Longer than a socket can send. */
  tooLong = 0;
  /** Cannot be protected one by one, and left out. */
  unsealable = 0;
}
