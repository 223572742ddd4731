/**
 * Why values of a recording are not compared: the list of all reasons there may be.
 *
 * A recording is accounted for to the last value: each result is compared, or left out for one of these reasons. A value
 * that is neither is a failure.
 *
 * @module
 */

/** What is said of values that are left out, by the name of the reason. */
export const LEFT_OUT = {
  hostHead: "the head of a buffer that a host received is not recorded",
  perCpu: "several CPUs: the order is not repeatable",
  otherHost: "what the other host sent",
  corked: "a datagram that was written in parts (MSG_MORE)",
  timeWait: "an answer in TIME_WAIT, which no socket sends",
  socketGso: "gso_segs and gso_type of segments that are no aggregate",
  asWritten: "TCP flags depend on the writes of the process",
  timing: "timing decides the whole path: only stages are compared",
  queues: "asynchronous crypto and busy devices are not built",
  suite: "a cipher suite that is not built",
  suitesMixed: "several suites: a row does not say which it is of",
  twoSas: "the model forwards into one SA",
  icmp: "ICMP answers are not built",
  tap: "packet taps are not built: what their rings copy",
  esn: "extended sequence numbers are not built",
  udpEncap: "UDP encapsulation is not built",
  tfc: "TFC padding is not built",
  headerFlags: "flags of the SA that change the outer header are not built",
  fragment: "a fragment of an ESP packet: put together on the whole path only",
  notEsp: "not an ESP packet",
  noRow: "no row of expected.csv is of this frame",
  otherDevice: "a frame of another device: it is not in output.pcap",
  scatterGather: "a device without scatter-gather is not built: it gets linear frames",
  refused: "the driver refused the frame: it comes again",
  pieces: "the pieces in which frames were written to a TUN device are not of one size",
  plain: "forwarding without ESP is not built",
} as const;

/** Name of a reason. */
export type LeftOutReason = keyof typeof LEFT_OUT;
