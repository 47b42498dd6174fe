/**
 * Started by doctor as a process of its own: building a box as a worker does
 * means giving up root, which cannot be taken back.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { toError } from '../../model/errors.ts'
import { askVersions, Box, chooseUser, loadBoxFiles, locateTools, preflight, settle } from '../../sandbox/index.ts'
import type { BoxReport } from './sandbox.ts'

async function build (wanted: string | undefined): Promise<BoxReport> {
  const files = await loadBoxFiles()
  const user = chooseUser({ user: wanted })
  const ground = await settle({ user })

  try {
    // Made after root is given up, so that it can be removed by who made it.
    const dir = await mkdtemp(join(tmpdir(), 'meshmark-doctor-'))

    try {
      const facts = await preflight({ files, dir, ground })
      const tools = await locateTools(files)
      const box = await Box.create({ files, dir, ground })

      try {
        const versions = await askVersions(box, tools)

        return { kind: 'facts', user: ownName(), facts, tools: tools.map(({ name }) => `${name} ${versions.get(name) ?? ''}`.trim()) }
      } finally {
        await box.close()
      }
    } finally {
      await rm(dir, { recursive: true, force: true })
    }
  } catch (err) {
    return { kind: 'refused', user: ownName(), reason: toError(err).message }
  } finally {
    await ground.close()
  }
}

/** A number that is nobody's has no name. */
function ownName (): string {
  try {
    return userInfo().username
  } catch {
    return `uid ${process.getuid?.()}`
  }
}

const report = await build(process.argv[2]).catch((err): BoxReport => ({ kind: 'refused', reason: toError(err).message }))

process.send?.(report, () => { process.disconnect() })
