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
