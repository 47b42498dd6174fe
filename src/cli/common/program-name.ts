import { basename, relative } from 'node:path'

/**
 * How this program was called, for lines that are there to be typed again:
 * `meshmark` when it is installed, `node dist/main.js` in a checkout.
 */
export function programName (argv1 = process.argv[1], cwd = process.cwd()): string {
  return argv1 == null || basename(argv1) !== 'main.js' ? 'meshmark' : `node ${relative(cwd, argv1)}`
}

/** A line that begins with `meshmark`, as it can be typed here. */
export function typed (line: string): string {
  return line.replace(/^meshmark\b/, programName())
}
