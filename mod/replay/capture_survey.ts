/**
 * What has to be known of a capture before it can be played, and takes a reading of its own: who we are, where nobody says, and
 * for a receiver what is in it.
 *
 * @module
 */

import type { Config } from "../config/schema.ts";
import type { SaEntry } from "../esp/sa_entry.ts";
import { type CaptureInput, reopenCapture } from "./capture_input.ts";
import { needsSurvey, surveyBusiestSender } from "./locality.ts";
import { surveyReceiver } from "./receiver_survey.ts";

/** What is known of a capture before it is played. */
export interface Survey {
  /** Address of our host with `local=auto`; undefined when nobody knows. */
  readonly local: string | undefined;
  /** There are ESP packets in it. */
  readonly hasEsp: boolean;
  /** Some of it comes in UDP. */
  readonly hasEncapsulated: boolean;
}

/** Of a run that need not know anything before it begins. */
const NO_SURVEY: Survey = { local: undefined, hasEsp: false, hasEncapsulated: false };

/**
 * Reads a capture through, where a run of `config` needs that; `associations` are those of a file.
 *
 * @throws {CaptureError} when the capture cannot be read.
 */
export async function surveyCapture(
  input: CaptureInput,
  config: Config,
  windowBytes?: number,
  associations?: readonly SaEntry[],
): Promise<Survey> {
  if (!needsSurvey(config)) return NO_SURVEY;
  const { path, encap } = config;
  const { reader, close } = await reopenCapture(input, windowBytes);
  try {
    if (path !== "receive") return { ...NO_SURVEY, local: await surveyBusiestSender(reader) };
    const { hasEsp, hasEncapsulated, busiestReceiver } = await surveyReceiver(reader, encap, associations);
    return { local: busiestReceiver, hasEsp, hasEncapsulated };
  } finally {
    close();
  }
}
