import { MeshmarkError, toError } from '../model/errors.ts'
import { DEFAULT_LIMITS } from '../model/limits.ts'
import { printable } from '../model/text.ts'
import { Box } from './box.ts'
import { sweepBoxes } from './box-records.ts'
import { CANARIES, CANARY_NAMES } from './canaries.ts'
import { NO_PROC, ProcRefused } from './explain-failure.ts'
import type { SandboxFacts } from '../model/machine.ts'
import type { BoxOptions } from './box-types.ts'

/**
 * Once at the start of a worker: ends what an earlier one left behind, builds
 * a real box, reads back what it is made of and lets canaries try to get out.
 * Throws a MeshmarkError 'refused' when a mandatory protection is missing.
 */
export async function preflight (opts: BoxOptions): Promise<SandboxFacts> {
  const swept = await sweepBoxes(opts.dir)

  if (swept > 0) {
    opts.log?.(`ended ${swept} ${swept === 1 ? 'box' : 'boxes'} of an earlier worker`)
  }

  const box = await createFirst(opts)

  try {
    const canaries = await letFly(box)
    const escaped = CANARY_NAMES.filter(name => canaries[name] == null || canaries[name] === 'allowed')

    if (escaped.length > 0) {
      throw new MeshmarkError('refused', `the sandbox does not hold: ${escaped.join(', ')}; report this with the output of meshmark doctor`)
    }

    if (!('problem' in opts.files)) {
      opts.files.canaries = canaries
    }

    return { ...box.facts, canaries }
  } finally {
    await box.close()
  }
}

/** Where a second uid or a control group was promised and is not given, boxes do without: the first way that works is every later box's. */
async function createFirst (opts: BoxOptions): Promise<Box> {
  const { ground } = opts

  try {
    return await create(opts)
  } catch (err) {
    const { maps, sharedReason, cgroups, cgroupReason } = ground ?? {}
    const { message } = toError(err)

    for (const [withMaps, withGroups] of [[false, true], [true, false], [false, false]] as const) {
      // Each is tried only where it takes away something that there is.
      if (ground == null || (!withMaps && maps == null) || (!withGroups && cgroups == null)) {
        continue
      }

      Object.assign(ground, {
        maps: withMaps ? maps : undefined,
        sharedReason: withMaps ? sharedReason : message,
        cgroups: withGroups ? cgroups : undefined,
        cgroupReason: withGroups ? cgroupReason : message
      })

      try {
        return await create(opts)
      } catch { /* the first reason says what is wrong */ }
    }

    throw err
  }
}

/** Without a /proc where the kernel allows no fresh one: the outer one would tell of the whole machine. */
async function create (opts: BoxOptions): Promise<Box> {
  try {
    return await Box.create(opts)
  } catch (err) {
    if (!(err instanceof ProcRefused) || opts.ground == null || opts.ground.noProc != null) {
      throw err
    }

    opts.ground.noProc = NO_PROC
    return Box.create(opts)
  }
}

async function letFly (box: Box): Promise<Record<string, string>> {
  const content = Buffer.from(CANARIES)
  let stdout = ''
  let stderr = ''

  const report = await box.run({
    kind: 'exec',
    commands: [{ argv: ['canary.cjs'], program: { kind: 'payload', path: 'canary.cjs' } }],
    files: [{ path: 'canary.cjs', size: content.length, executable: false, read: async function * () { yield content } }],
    env: {},
    limits: { ...DEFAULT_LIMITS, wallMs: 20_000, outputBytes: 64 * 1024 },
    plan: { kind: 'once' }
  }, {
    onEvent: event => {
      if (event.kind === 'output') {
        const text = Buffer.from(event.data).toString('utf8')

        if (event.stream === 'stdout') {
          stdout += text
        } else {
          stderr += text
        }
      }
    }
  })

  if (report.outcome !== 'done') {
    throw new MeshmarkError('refused', `the sandbox does not run programs: ${printable(report.reason ?? stderr, 500)}`)
  }

  return Object.fromEntries(Object.entries(JSON.parse(stdout) as Record<string, unknown>).map(([name, word]) => [printable(name), printable(String(word))]))
}
