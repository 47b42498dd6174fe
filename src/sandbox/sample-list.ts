import type { Sample } from '../model/sample.ts'
import type { BoxTask } from './box-types.ts'

/** What a box may make the worker keep. */
export class SampleList {
  readonly #samples: Sample[][]
  readonly #most: number

  constructor ({ commands, plan }: BoxTask) {
    this.#samples = commands.map(() => [])
    this.#most = plan.kind === 'fixed' ? plan.runs : plan.kind === 'precision' ? plan.maxRuns : 1
  }

  add (sample: Sample): void {
    const list = this.#samples[sample.command]

    if (list == null || list.length >= this.#most || sample.run !== list.length) {
      throw new Error('the box sent a sample that cannot be')
    }

    list.push(sample)
  }

  of (command: number): Sample[] {
    return this.#samples[command] ?? []
  }
}
