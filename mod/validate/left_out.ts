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
  calledBack: "what GRO said of a packet that crypto called back with: recorded only within the call that received it",
  otherHost: "what the other host sent",
  corked: "a datagram that was written in parts (MSG_MORE) and needs several buffers",
  timeWait: "an answer in TIME_WAIT, which no socket sends",
  socketGso: "gso_segs and gso_type of segments that are no aggregate",
  timing: "timing decided it: only what follows from it is compared",
  queues: "asynchronous crypto and busy devices are not built",
  suite: "a cipher suite that is not built",
  suitesMixed: "several suites: a row does not say which it is of",
  flags: "a flag of the SA that is not built",
  fragment: "a fragment of a packet of which not all was recorded",
  notEsp: "not an ESP packet",
  noRow: "no row of expected.csv is of this frame",
  otherDevice: "a frame of another device: it is not in output.pcap",
  refused: "the driver refused the frame: it comes again",
  plain: "sockets without ESP are not played",
} as const;

/** Name of a reason. */
export type LeftOutReason = keyof typeof LEFT_OUT;
