import type { Command } from 'commander'
import { DEFAULT_LIMITS, formatLimit, LIMIT_KEYS, LIMIT_RULES, type Limits } from '../../model/limits.ts'
import { LIMIT_OPTIONS, parseLimit } from '../../roles/client/draft/limit-options.ts'

const PLACEHOLDERS = { duration: '<duration>', size: '<size>', count: '<n>' } as const

/** What a job may ask for, with what it has otherwise. */
export function addLimitOptions (command: Command): Command {
  for (const key of LIMIT_KEYS) {
    const { job, about } = LIMIT_OPTIONS[key]
    const standard = DEFAULT_LIMITS[key]

    addOption(command, job, key, `${about} (default: ${standard == null ? 'none' : formatLimit(key, standard)})`)
  }

  return command
}

/** What a worker allows at most. */
export function addCeilingOptions (command: Command): Command {
  for (const key of LIMIT_KEYS) {
    const { worker, about } = LIMIT_OPTIONS[key]

    addOption(command, worker, key, `at most so much: ${about}`)
  }

  return command
}

function addOption (command: Command, name: string, key: keyof Limits, about: string): void {
  command.option(`${name} ${PLACEHOLDERS[LIMIT_RULES[key].unit]}`, about, text => parseLimit(key, name, text))
}
