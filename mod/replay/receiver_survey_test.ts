import { assertEquals } from "@std/assert";
import { openCapture, sourceOfBytes } from "../capture/mod.ts";
import { buildPcap } from "../capture/testing.ts";
import { buildFrame, type FrameFields } from "../capture/testing_frames.ts";
import { type ReceiverSurvey, surveyReceiver } from "./receiver_survey.ts";

function survey(...fields: FrameFields[]): Promise<ReceiverSurvey> {
  const file = buildPcap({}, fields.map((one, fraction) => ({ seconds: 1, fraction, bytes: buildFrame(one) })));
  return openCapture(sourceOfBytes(file), "built.pcap").then((reader) => surveyReceiver(reader));
}

const to = (host: number, payloadBytes: number, fields: FrameFields = {}): FrameFields => {
  return { destination: [10, 0, 0, host], payloadBytes, ...fields };
};
const esp = (host: number, payloadBytes: number): FrameFields => to(host, payloadBytes, { protocol: 50 });

Deno.test("surveyReceiver() adds up what each address was sent, whoever sent it", async () => {
  const more = to(2, 60, { source: [10, 0, 0, 9] });
  assertEquals(await survey(to(1, 100), to(2, 50), more), {
    hasEsp: false,
    hasEncapsulated: false,
    busiestReceiver: "10.0.0.2",
  });
  assertEquals((await survey(to(1, 111), to(2, 50), more)).busiestReceiver, "10.0.0.1");
});

Deno.test("surveyReceiver() takes the first among equals, and nobody where there is no IP packet", async () => {
  assertEquals((await survey(to(3, 9), to(1, 9))).busiestReceiver, "10.0.0.3");
  assertEquals(await survey(), { hasEsp: false, hasEncapsulated: false, busiestReceiver: undefined });
});

Deno.test("surveyReceiver() counts ESP alone where there is ESP, at the end of the capture too", async () => {
  assertEquals(await survey(to(1, 5000), esp(2, 100)), {
    hasEsp: true,
    hasEncapsulated: false,
    busiestReceiver: "10.0.0.2",
  });
  assertEquals(await survey(esp(2, 100), to(1, 5000), esp(3, 101)), {
    hasEsp: true,
    hasEncapsulated: false,
    busiestReceiver: "10.0.0.3",
  });
});

Deno.test("surveyReceiver() with encap=udp takes ESP in UDP to port 4500 for ESP, and nothing else", async () => {
  const surveyUdp = (...fields: FrameFields[]): Promise<ReceiverSurvey> => {
    const file = buildPcap({}, fields.map((one, fraction) => ({ seconds: 1, fraction, bytes: buildFrame(one) })));
    return openCapture(sourceOfBytes(file), "built.pcap").then((reader) => surveyReceiver(reader, "udp"));
  };
  const udp = (host: number, payloadBytes: number, destinationPort: number): FrameFields => {
    return to(host, payloadBytes, { protocol: 17, destinationPort });
  };
  assertEquals((await surveyUdp(udp(1, 100, 4500))).hasEsp, true);
  assertEquals((await surveyUdp(udp(1, 100, 4501), udp(2, 1, 4500), esp(3, 100))).hasEsp, false);
  assertEquals((await survey(udp(1, 100, 4500))).hasEsp, false);
});

Deno.test("surveyReceiver() sees ESP over IPv6", async () => {
  const fields: FrameFields = { ipVersion: 6, protocol: 50, payloadBytes: 80 };
  assertEquals((await survey(fields)).hasEsp, true);
});
