import { join } from 'node:path'
import { afterEach } from 'vitest'
import { Replica } from '../../../../src/roles/master/replica/replica.ts'
import { Journal } from '../../../../src/store/journal.ts'

export interface Opened {
  replica: Replica
  journal: Journal
  problems: string[]
}

/** Replicas in folders of that one, by name; their journals are closed after each test. */
export function useReplicas (dir: () => string): (name: string, peerId?: string) => Promise<Opened> {
  const journals = new Set<Journal>()

  afterEach(async () => {
    for (const journal of journals) {
      await journal.close()
    }

    journals.clear()
  })

  return async (name, peerId = `peer-${name}`) => {
    const journal = await Journal.open(join(dir(), name))
    const problems: string[] = []

    journals.add(journal)

    return { journal, problems, replica: await Replica.open(journal, { peerId, onProblem: line => { problems.push(line) } }) }
  }
}
