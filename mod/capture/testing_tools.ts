/**
 * What tests may find on a machine or not: programs to judge by, folders of captures. Not part of the library.
 *
 * @module
 */

/** Whether a program is here; tests that need it are skipped where it is not. It is only looked for: many tests ask. */
export function canRun(program: string): boolean {
  return (Deno.env.get("PATH") ?? "").split(":").some((folder) => isThere(`${folder}/${program}`, "isFile"));
}

/** Whether a folder is there; tests that need its files are skipped where it is not. */
export function isThere(path: URL | string, kind: "isDirectory" | "isFile" = "isDirectory"): boolean {
  try {
    return Deno.statSync(path)[kind];
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/**
 * What tshark says of every packet of a capture: one row per packet, one cell per field, of a field that is there twice the
 * outermost, and an empty one where it is not there. Runs under an empty configuration.
 */
export function tsharkRows(path: string, fields: readonly string[], preferences: readonly string[] = []): string[][] {
  const folder = Deno.makeTempDirSync();
  try {
    const { stdout } = new Deno.Command("tshark", {
      args: [
        ...["-r", path, "-n", "-T", "fields", "-E", "occurrence=f", "-E", "separator=|"],
        ...preferences.flatMap((preference) => ["-o", preference]),
        ...fields.flatMap((field) => ["-e", field]),
      ],
      env: { WIRESHARK_CONFIG_DIR: folder },
      stderr: "null",
    }).outputSync();
    return new TextDecoder().decode(stdout).trimEnd().split("\n").map((line) => line.split("|"));
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

/**
 * The same of each of several captures, by the path: put one behind the other by mergecap, so that tshark, which takes long
 * to start, is started once. Ask for nothing that depends on the packets before, or on their number.
 */
export function tsharkRowsOfEach(
  paths: readonly string[],
  fields: readonly string[],
  preferences: readonly string[] = [],
): Map<string, string[][]> {
  const merged = Deno.makeTempFileSync({ suffix: ".pcapng" });
  try {
    run("mergecap", ["-a", "-I", "none", "-F", "pcapng", "-w", merged, ...paths]);
    const counts = run("capinfos", ["-c", "-T", "-M", "-r", ...paths]).split("\n").map((line) => line.split("\t"));
    const rows = tsharkRows(merged, fields, preferences);
    return new Map(counts.map(([path, packets]) => [path!, rows.splice(0, Number(packets))]));
  } finally {
    Deno.removeSync(merged);
  }
}

function run(program: string, args: readonly string[]): string {
  const { success, stdout } = new Deno.Command(program, { args: [...args], stderr: "null" }).outputSync();
  if (!success) throw new Error(`Cannot run ${program}: it failed`);
  return new TextDecoder().decode(stdout).trimEnd();
}
