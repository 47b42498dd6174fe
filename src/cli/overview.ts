import { COMMANDS } from './commands.ts'

/** `meshmark --help`: written from the table alone, so that nothing need be loaded for it. */
export function overview (): string {
  const width = Math.max(...COMMANDS.map(({ name, usage }) => `${name} ${usage}`.length)) + 2
  const groups = [...new Set(COMMANDS.map(({ group }) => group))]
  const sections = groups.map(group => [
    `${group}:`,
    ...COMMANDS.filter(entry => entry.group === group).map(({ name, usage, summary }) => `  ${`${name} ${usage}`.padEnd(width)}${summary}`)
  ].join('\n'))

  return `Usage: meshmark COMMAND [options] …

Runs a program on every machine you have, in a sandbox, and returns measurements you can trust.

${sections.join('\n\n')}

Begin:
  meshmark up                           a mesh on this machine
  meshmark run ./program ARG            in another terminal

meshmark COMMAND --help tells more; --version prints the version.
Every option can also be set as MESHMARK_OPTION_NAME or in ~/.config/meshmark/config.yaml.
`
}
