/**
 * Where the files are that come with the program.
 *
 * Example: `${FIXTURES}published-results.csv`.
 *
 * @module
 */

/** The folder of fixtures, with a slash at its end; its path may have any characters. */
export const FIXTURES: string = decodeURIComponent(new URL("../../fixtures/", import.meta.url).pathname);
