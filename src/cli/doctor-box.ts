/**
 * Started by doctor as a process of its own: building a box as a worker does
 * means giving up root, which cannot be taken back.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { toError } from '../model/errors.ts'
import { chooseUser, dropPrivileges, loadBoxFiles, preflight } from '../sandbox/index.ts'
import type { BoxReport } from './doctor-sandbox.ts'

async function build (): Promise<BoxReport> {
  const files = await loadBoxFiles()
  const user = chooseUser({})

  if (user != null) {
    dropPrivileges(user)
  }

  // Made after that, so that it can be removed by who made it.
  const dir = await mkdtemp(join(tmpdir(), 'meshmark-doctor-'))

  try {
    return { kind: 'facts', facts: await preflight({ files, dir }) }
  } catch (err) {
    return { kind: 'refused', reason: toError(err).message }
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}

const report = await build().catch((err): BoxReport => ({ kind: 'refused', reason: toError(err).message }))

process.send?.(report, () => { process.disconnect() })
