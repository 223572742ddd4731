import { assertEquals } from "@std/assert";
import { openCapture, sourceOfBytes } from "../capture/mod.ts";
import { buildPcap } from "../capture/testing.ts";
import { buildFrame, type FrameFields } from "../capture/testing_frames.ts";
import { resolveConfig } from "../config/resolve.ts";
import { FrameFacts } from "../wire/frame_facts.ts";
import { localityOf, needsSurvey, surveyBusiestSender } from "./locality.ts";

const config = (...sets: string[]) => resolveConfig({ sets: ["tunnel=local", ...sets] }).config;

/** Whether frames are local, one after the other; `at` bytes that belong to nobody stand before each. */
function localOf(test: ReturnType<typeof localityOf>, fields: readonly FrameFields[], at: number = 5): boolean[] {
  const facts = new FrameFacts();
  return fields.map((one) => {
    const frame = Uint8Array.from([...Array<number>(at).fill(0xa5), ...buildFrame(one)]);
    facts.read(frame, at, frame.length - at, frame.length - at, 1);
    return test(frame, facts);
  });
}

function survey(fields: readonly FrameFields[]): Promise<string | undefined> {
  const file = buildPcap({}, fields.map((one, fraction) => ({ seconds: 1, fraction, bytes: buildFrame(one) })));
  return openCapture(sourceOfBytes(file), "built.pcap").then(surveyBusiestSender);
}

/** 2001:db8::`host`. */
const address6 = (host: number): number[] => [0x20, 1, 0x0d, 0xb8, ...Array<number>(11).fill(0), host];
const from4 = (...source: number[]): FrameFields => ({ source });
const from6 = (host: number): FrameFields => ({ ipVersion: 6, source: address6(host) });
/** An IPv4 frame whose header cannot be read. */
const DAMAGED: FrameFields = { etherType: 0x86dd };

const FRAMES = [from4(10, 1, 2, 3), from4(10, 1, 2, 4), from4(11, 0, 0, 1), from6(1), from6(2), DAMAGED];

Deno.test("localityOf() takes an address or a prefix of either version, and every source with tunnel=all", () => {
  const which = (local: string) => {
    return localOf(localityOf(config(`local=${local}`), undefined), FRAMES).map((isLocal) => isLocal ? "x" : ".").join(
      "",
    );
  };
  assertEquals(which("10.1.2.3"), "x.....");
  assertEquals(which("10.1.2.4/32"), ".x....");
  assertEquals(which("10.0.0.0/8"), "xx....");
  assertEquals(which("10.9.9.9/7"), "xxx...");
  assertEquals(which("0.0.0.0/0"), "xxx...");
  assertEquals(which("2001:db8::1"), "...x..");
  assertEquals(which("2001:DB8:0::/32"), "...xx.");
  assertEquals(which("::/0"), "...xx.");
  assertEquals(localOf(localityOf(config("tunnel=all"), undefined), FRAMES), Array(6).fill(true));
});

Deno.test("localityOf() follows the survey with local=auto, and knows nobody without one", () => {
  const auto = (found: string | undefined) => localOf(localityOf(config(), found), FRAMES).indexOf(true);
  assertEquals([auto("11.0.0.1"), auto("2001:db8::2"), auto(undefined)], [2, 4, -1]);
});

Deno.test("localityOf() looks at destinations on path receive", () => {
  const to4 = { destination: [10, 1, 2, 3], source: [10, 9, 9, 9] };
  const to6: FrameFields = { ipVersion: 6, destination: address6(1), source: address6(9) };
  const which = (local: string, found?: string): boolean[] => {
    const test = localityOf(config("path=receive", `local=${local}`), found);
    return localOf(test, [to4, to6, from4(10, 1, 2, 3), from6(1)]);
  };
  assertEquals(which("10.1.2.3"), [true, false, false, false]);
  assertEquals(which("auto", "2001:db8::1"), [false, true, false, false]);
  assertEquals(which("auto"), [false, false, false, false]);
});

Deno.test("needsSurvey() says yes to local=auto with tunnel=local only, and to path receive, which looks for ESP", () => {
  const needs = [config(), config("local=::1"), config("tunnel=all")].map(needsSurvey);
  assertEquals(needs, [true, false, false]);
  assertEquals(needsSurvey(config("path=receive", "local=::1")), true);
});

Deno.test("surveyBusiestSender() adds up the payload of each address of both versions, whomever it is sent to", async () => {
  const many = { ...from6(7), payloadBytes: 60 };
  const frames: FrameFields[] = [
    { ...from4(10, 0, 0, 1), payloadBytes: 100 },
    many,
    { ...many, destination: address6(9), protocol: 17 },
    { ...DAMAGED, payloadBytes: 1000 },
  ];
  assertEquals(await survey(frames), "2001:db8::7");
  assertEquals(await survey([...frames, { ...from4(10, 0, 0, 1), payloadBytes: 21, sourcePort: 7 }]), "10.0.0.1");
});

Deno.test("surveyBusiestSender() takes the first among equals, and nobody where there is no IP packet", async () => {
  assertEquals(await survey([from6(3), from4(10, 0, 0, 1)]), "2001:db8::3");
  assertEquals(await survey([from4(10, 0, 0, 1), from6(3)]), "10.0.0.1");
  assertEquals(await survey([DAMAGED]), undefined);
  assertEquals(await survey([]), undefined);
});
