import { toError } from '../../model/errors.ts'
import { parseExecutionId, shortJobId } from '../../model/ids.ts'
import type { OneAnswer } from './coordinator/state.ts'
import type { ProvenCancels } from './proven-cancels.ts'
import type { Claim } from '../../node/protocol/register/messages.ts'
import type { CancelWord, StartOutcome } from '../../node/protocol/slot/messages.ts'

export interface ToldCancelsComponents {
  holds: ProvenCancels['holds']
  /** Is there such a job, and no cancel of it known? */
  isOpen: (job: string) => boolean
  /** Resolves when it counts as cancelled. */
  cancel: (job: string) => Promise<void>
  /** Undefined while this master stands by. */
  claim: () => Claim | undefined
  log: (line: string) => void
}

type Answer = OneAnswer | StartOutcome

/**
 * A worker may be the last to know of a cancel, when the master that ordered it
 * is gone for good. What it proves is one from here on, before the answer that
 * brought it is looked at.
 */
export class ToldCancels {
  readonly #components: ToldCancelsComponents
  /** On their way to the disk. */
  readonly #cancelling = new Map<string, Promise<void>>()

  constructor (components: ToldCancelsComponents) {
    this.#components = components
  }

  /** `hear` is called with the answers, at once where they tell of no cancel, and not at all when the reign ends before. */
  heed<T extends Answer> (execution: string, answers: T[], hear: (answers: T[]) => void): void {
    const { isOpen, claim, log } = this.#components
    const word = answers.map(wordOf).find(word => word != null)

    if (word == null || !isOpen(parseExecutionId(execution).job)) {
      hear(answers)
      return
    }

    const { job } = parseExecutionId(execution)
    const reign = claim()

    void this.#believe(job, word).then(() => answers, (err): T[] => {
      log(`cancel of job ${shortJobId(job)}: ${toError(err).message}`)

      // it is asked again, and says it again
      return answers.map(answer => wordOf(answer) == null ? answer : { ...answer, cancel: undefined })
    }).then(heard => {
      if (claim() === reign) {
        hear(heard)
      }
    }).catch(err => { log(`coordinator: ${toError(err).message}`) })
  }

  async #believe (job: string, word: CancelWord): Promise<void> {
    const { holds, isOpen, cancel, claim, log } = this.#components
    const reign = claim()

    if (!await holds(job, word) || reign == null || claim() !== reign || !isOpen(job)) {
      return
    }

    let cancelling = this.#cancelling.get(job)

    if (cancelling == null) {
      log(`job ${shortJobId(job)} was cancelled by a master of which nothing was heard: a worker has proven it`)
      cancelling = cancel(job).finally(() => this.#cancelling.delete(job))
      this.#cancelling.set(job, cancelling)
    }

    await cancelling
  }
}

function wordOf (answer: Answer): CancelWord | undefined {
  return answer.kind === 'refused' ? answer.cancel : undefined
}
