/**
 * What tests may find on a machine or not: programs to judge by, folders of captures. Not part of the library.
 *
 * @module
 */

/** Whether a program can be run here; tests that need it are skipped where it cannot. */
export function canRun(program: string): boolean {
  try {
    return new Deno.Command(program, { args: ["--version"], stdout: "null", stderr: "null" }).outputSync().success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** Whether a folder is there; tests that need its files are skipped where it is not. */
export function isThere(folder: URL): boolean {
  try {
    return Deno.statSync(folder).isDirectory;
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
