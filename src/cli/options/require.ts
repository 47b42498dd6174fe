import { meaningOf, REQUIREMENTS } from '../../model/requirements.ts'
import { ListOption, splitCommas } from '../common/list-option.ts'

export function requireOption (): ListOption {
  return new ListOption('--require <protections>', `only in a sandbox with these: ${REQUIREMENTS.join(', ')}`, splitCommas)
}

/** For the end of a command's help: what each word asks for. */
export function requirementHelp (): string {
  const width = Math.max(...REQUIREMENTS.map(word => word.length)) + 3

  return `With --require a worker runs the job only if its sandbox has\n${REQUIREMENTS.map(word => `  ${word.padEnd(width)}${meaningOf(word)}`).join('\n')}`
}
