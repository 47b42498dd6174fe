import type { Hindrance } from '../node/protocol/submit/messages.ts'

/** Why workers do not start what waits of a job: a heading and a line for each reason; none when nothing waits. */
export function hindranceLines (hindrances: readonly Hindrance[]): string[] {
  return hindrances.length === 0
    ? []
    : ['what waits is not started:', ...hindrances.map(({ reason, workers, count }) => `  ${workers.join(', ')}${count > workers.length ? ` and ${count - workers.length} more` : ''}: ${reason}`)]
}
