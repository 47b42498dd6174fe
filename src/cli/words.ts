import { COMMANDS } from './commands.ts'

/** What the words on the command line ask for, before any command is loaded. */
export type Request =
  | { kind: 'overview', wanted: boolean }
  | { kind: 'version' }
  | { kind: 'command', name: string, args: string[] }
  | { kind: 'unknown-command', name: string }
  | { kind: 'misplaced-option', option: string }
  | { kind: 'unknown-role', role: string }

const ROLE_COMMANDS: Record<string, string> = { master: 'master', worker: 'worker', client: 'run' }

/**
 * Chooses the command. `--role master …` equals `master …`, `--role worker …`
 * equals `worker …` and `--role client …` equals `run …`; the role may stand
 * among options, but before the first other word and before `--`.
 */
export function readWords (argv: readonly string[]): Request {
  const [first, ...rest] = argv

  if (first == null) {
    return { kind: 'overview', wanted: false }
  }

  if (first === '--help' || first === '-h') {
    return { kind: 'overview', wanted: true }
  }

  if (first === '--version' || first === '-V') {
    return { kind: 'version' }
  }

  if (first === 'help') {
    return rest[0] == null ? { kind: 'overview', wanted: true } : command(rest[0], [...rest.slice(1), '--help'])
  }

  return first.startsWith('-') ? roleCommand(argv) : command(first, rest)
}

function roleCommand (argv: readonly string[]): Request {
  const end = argv.indexOf('--')
  const at = argv.findIndex((word, index) => (end === -1 || index < end) && (word === '--role' || word.startsWith('--role=')))

  // In `--env A run --role x` the role belongs to the program.
  if (at === -1 || argv.slice(0, at).some(word => COMMANDS.some(({ name }) => name === word))) {
    return { kind: 'misplaced-option', option: argv[0] ?? '' }
  }

  const inline = argv[at]?.startsWith('--role=') === true
  const role = inline ? argv[at]?.slice('--role='.length) ?? '' : argv[at + 1] ?? ''
  const name = ROLE_COMMANDS[role]
  const args = [...argv.slice(0, at), ...argv.slice(at + (inline ? 1 : 2))]

  if (name == null) {
    return { kind: 'unknown-role', role }
  }

  // `--role client run ./program` says the same thing twice.
  return { kind: 'command', name, args: args[0] === name ? args.slice(1) : args }
}

function command (name: string, args: string[]): Request {
  return COMMANDS.some(entry => entry.name === name) ? { kind: 'command', name, args } : { kind: 'unknown-command', name }
}
