/**
 * hyperfine's options that there are none of here, and what takes their place;
 * `--shell` only with a value.
 */
const HYPERFINE: Record<string, string> = {
  '--debug-mode': 'there is no such mode',
  '--export-asciidoc': 'write --export-markdown or --export-csv',
  '--export-orgmode': 'write --export-markdown or --export-csv',
  '--input': 'write --stdin FILE',
  '--min-benchmarking-time': 'write --budget 10s, or --min-runs',
  '--output': 'what a command prints is kept: see meshmark logs @last',
  '--reference': 'meshmark compare compares with its first command',
  '--reference-name': 'meshmark compare compares with its first command, and the first -n names it',
  '-S': 'write --shell for sh, or another one as the program: bash -c LINE',
  '--shell': 'it takes no value here: write --shell for sh, or another one as the program: bash -c LINE',
  '--show-output': 'what a command prints is kept: see meshmark logs @last',
  '--sort': 'the table has the fastest worker first, files have the order of the commands',
  '--style': '-q leaves out the progress, NO_COLOR=1 the colours',
  '--time-unit': 'the table chooses its unit, files are in seconds',
  '-u': 'the table chooses its unit, files are in seconds'
}

/** What to do instead of giving hyperfine's option `flag`; undefined when that is none of hyperfine's. */
export function insteadOf (flag: string): string | undefined {
  return Object.hasOwn(HYPERFINE, flag) ? HYPERFINE[flag] : undefined
}
