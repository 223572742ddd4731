/**
 * tailbits as a library: replay a capture through a model of the Linux IPsec (ESP) data path and read off what it cost.
 *
 * ```ts
 * import { PROFILES, replay, resolveConfig, SUMMARY_COLUMNS, renderCsv, sourceOfBytes } from "@tailbits/tailbits";
 *
 * const bytes = await Deno.readFile("fixtures/bulk-tcp-ipv4.pcap");
 * const input = {
 *   name: "bulk-tcp-ipv4.pcap",
 *   open: () => Promise.resolve({ ...sourceOfBytes(bytes), close: () => {} }),
 * };
 * const resolved = resolveConfig({ preset: "nocopy", sets: [] });
 * const run = await replay({ input, resolved, profile: PROFILES.get("published")! });
 * console.log(renderCsv(SUMMARY_COLUMNS, [{ number: 1, run }]));
 * ```
 *
 * `mod/README.md` is the map of the folders behind this.
 *
 * @module
 */

export type { AggregateEndCount, Aggregation, AggregationFigures, CaptureAggregation } from "./capture/aggregation.ts";
export * from "./capture/mod.ts";
export type { EspContents, EspSaSummary } from "./capture/esp_census.ts";
export type * from "./capture/ethernet_census.ts";
export * from "./capture/inspection.ts";
export type * from "./config/kinds.ts";
export type { ConfigFileText } from "./config/config_file.ts";
export { ConfigError } from "./config/errors.ts";
export { configJsonSchema, type JsonSchema } from "./config/json_schema.ts";
export { type Preset, PRESET_KEYS, PRESETS, type PresetSettings } from "./config/presets.ts";
export { type ConfigInput, type Origin, resolveConfig, type ResolvedConfig } from "./config/resolve.ts";
export { type Config, type KeyName, KEYS, type ValueOf } from "./config/schema.ts";
export type {
  Aead,
  AeadAlgorithm,
  AeadKeys,
  CipherAlgorithm,
  CryptoEngine,
  EngineName,
  HashAlgorithm,
  OldAlgorithm,
  OldCipher,
  OldHash,
} from "./crypto/aead.ts";
export type { EspMode, IpVersion } from "./esp/arithmetic.ts";
export type { SecurityAssociation, SecurityAssociationOptions, UdpEncapsulation } from "./esp/sa.ts";
export type { OldCipherName } from "./esp/old_suites.ts";
export { type AddressPattern, type SaEntry, SaFileError, type SpiPattern } from "./esp/sa_entry.ts";
export { parseSaFile } from "./esp/sa_file.ts";
export type { AesBits, CipherName, CipherSuite } from "./esp/suites.ts";
export type { TunnelHeaderOptions } from "./esp/tunnel_header.ts";
export { FIT_ROW_COLUMNS, FITTED_COLUMNS, type FittedCoefficient, fittedCoefficients } from "./fit/columns.ts";
export { FitError } from "./fit/errors.ts";
export { type Fit, FIT_ROLES, fitProfile, type FitRequest, type FitRow, type PredictedRow } from "./fit/fit.ts";
export { type ProfileTexts, renderFittedProfile } from "./fit/fitted_profile.ts";
export { labelOf, parseTie, type Tie } from "./fit/labels.ts";
export type { CpuOf } from "./fit/play.ts";
export type { Figures } from "./report/comparison.ts";
export { parseRows, type WrittenRow } from "./fit/rows.ts";
export type { Unknown } from "./fit/unknowns.ts";
export type { Histogram } from "./ledger/histogram.ts";
export * from "./cost/profile.ts";
export { profileJsonSchema, type ProfileSchema } from "./cost/profile_schema.ts";
export { PROFILES } from "./cost/profiles.ts";
export { EventBlock, type Fold, Ledger, type Price, type Subject } from "./ledger/ledger.ts";
export * from "./ledger/schema.ts";
export { type Selection, type Sums, Tally, type WorkCell } from "./ledger/tally.ts";
export { Delivery } from "./ledger/delivery.ts";
export { type Outcome, PacketRecord } from "./ledger/packets.ts";
export {
  type BufferShape,
  type Chapter,
  explain,
  type PacketLife,
  PacketNumberError,
  type PathLengths,
  type Step,
  type StoryRow,
} from "./replay/explain.ts";
export type { FrameNote, FrameWriter } from "./replay/frame_sink.ts";
export {
  type CaptureInput,
  type OpenInput,
  replay,
  type ReplayRequest,
  type Run,
  UnplayableError,
} from "./replay/run.ts";
export { type ArrivedEsp, type OpenedEsp, SaCounts, SaStatistics } from "./replay/sa_statistics.ts";
export { alikeRuns } from "./report/alike.ts";
export * from "./report/columns.ts";
export { COPIES_COLUMNS, type CopyRow, copyRows } from "./report/copies.ts";
export { explanationJson, renderExplanation } from "./report/explanation.ts";
export { type GoodputRange, goodputRange } from "./report/goodput_range.ts";
export { renderRunJson } from "./report/run_json.ts";
export { ALIKE_MARK, type NumberedRun, SUMMARY_COLUMNS, TABLE_COLUMNS } from "./report/summary.ts";
export type { BufferProbe } from "./stages/host.ts";
export { RecordingError } from "./validate/errors.ts";
export type { RecordingFolder } from "./validate/recording.ts";
export { isGood, validate, type Validation, VALIDATION_COLUMNS } from "./validate/validation.ts";
export { VERSION } from "./version.ts";
