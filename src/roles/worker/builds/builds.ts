import { readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { MAX_COLLECT_BYTES } from '../../../model/collect.ts'
import { DEFAULT_BUILD_LIMITS } from '../../../model/build.ts'
import { MeshmarkError } from '../../../model/errors.ts'
import { effectiveLimits } from '../../../model/limits.ts'
import { MAX_FILES, payloadSize } from '../../../model/payload.ts'
import { printable } from '../../../model/text.ts'
import { askTools, BOX_DATA, locateProgram, locateTools } from '../../../sandbox/index.ts'
import { ContentStore } from '../../../store/content.ts'
import { ensurePrivateDir } from '../../../store/files.ts'
import { openPayload } from '../../../store/open-payload.ts'
import { BuildIndex } from './build-index.ts'
import { buildKey } from './build-key.ts'
import { BuildOutput } from './build-output.ts'
import { compilerOf } from './compiler.ts'
import { INCOMING, ProductFiles } from './product-files.ts'
import type { Built } from './build-index.ts'
import type { Compiler } from './compiler.ts'
import type { Build, BuildFacts } from '../../../model/build.ts'
import type { Job } from '../../../model/job.ts'
import type { Limits, SomeLimits } from '../../../model/limits.ts'
import type { SandboxFacts } from '../../../model/machine.ts'
import type { Box, BoxFilesOrProblem, BoxReport } from '../../../sandbox/index.ts'
import type { ContentReader } from '../../../store/content-reader.ts'

/** Of all that builds have left here. */
const STORE_BYTES = 2 * 1024 ** 3
const MAX_BUILDS = 256

/** The tasks of a job need not all find out that its build fails. */
const FAILED_MS = 60_000

/** Jobs whose build is remembered without asking the index. */
const MAX_JOBS = 64

const MAX_COMPILER = 200

/** Package managers write to one of these whatever they change: headers and libraries are what a build is made of, too. */
const PACKAGES = ['/var/lib/dpkg/status', '/var/lib/rpm/rpmdb.sqlite', '/var/lib/rpm/Packages', '/lib/apk/db/installed', '/var/lib/pacman/local', '/usr/lib/sysimage/rpm/rpmdb.sqlite']

export interface BuildsComponents {
  /** Private folder of the worker, for what builds leave. */
  dir: string
  /** Where the files of jobs are. */
  content: ContentStore
  files: BoxFilesOrProblem
  ceilings: SomeLimits
  /** What of the machine a compiler may build for: processor, system. */
  machine: readonly string[]
  sandbox: SandboxFacts | undefined
}

export interface BuildOptions {
  /** Gives a box that nobody has used, and that nothing is measured in. It shows the job's data sets. */
  createBox: () => Promise<Box>
  signal: AbortSignal
  /** It is not there, and has to be built: this takes a while. */
  onBegin: () => void
}

/** Why there is no program; `output` is the end of what the build printed. */
export class BuildFailure extends MeshmarkError {
  readonly facts: BuildFacts | undefined
  readonly output: Uint8Array

  constructor (message: string, output: Uint8Array = new Uint8Array(0), facts?: BuildFacts) {
    super('failed', message)
    this.output = output
    this.facts = facts
  }
}

interface Pending {
  done: Promise<Built>
  stop: AbortController
  waiting: number
}

/**
 * Builds what jobs have built before their clock, once: what a build leaves is
 * kept as content and given to jobs that have everything in common with the one
 * that it was built for, see BuildInputs.
 */
export class Builds {
  readonly #components: BuildsComponents
  readonly #store: ContentStore
  readonly #index: BuildIndex
  readonly #pending = new Map<string, Pending>()
  readonly #failed = new Map<string, { failure: BuildFailure, atMs: number }>()
  /** Stamp of a compiler -> what it calls itself. */
  readonly #compilers = new Map<string, string | undefined>()
  /** Job -> its key. */
  readonly #keys = new Map<string, Promise<string>>()

  private constructor (components: BuildsComponents, store: ContentStore, index: BuildIndex) {
    this.#components = components
    this.#store = store
    this.#index = index
  }

  static async open (components: BuildsComponents): Promise<Builds> {
    const { dir } = components

    await ensurePrivateDir(dir)

    for (const name of await readdir(dir)) {
      if (name.startsWith(INCOMING)) {
        await rm(join(dir, name), { force: true })
      }
    }

    return new Builds(components, await ContentStore.open(dir, { maxBytes: STORE_BYTES, durable: false }), await BuildIndex.open(join(dir, 'index.json'), MAX_BUILDS))
  }

  /**
   * All files that a run of the job begins with, and what became of its build;
   * the caller closes the reader. Rejects with BuildFailure, or with the
   * signal's reason when nothing of the build is left.
   */
  async take (job: Job & { build: Build }, o: BuildOptions): Promise<{ reader: ContentReader, facts: BuildFacts }> {
    const limits = this.#limits(job.build)
    const key = await this.#keyOf(job, limits)
    const known = this.#index.get(key)
    const reader = known == null ? undefined : await this.#open(key, known)

    if (known != null && reader != null) {
      return { reader, facts: factsOf(known, true) }
    }

    const failed = this.#failed.get(job.id)

    if (failed != null && performance.now() - failed.atMs < FAILED_MS) {
      throw failed.failure
    }

    o.onBegin()

    const isFirst = !this.#pending.has(key)
    const built = await this.#share(key, job, limits, o)
    const product = await this.#open(key, built)

    if (product == null) {
      throw new BuildFailure('what the build left was gone before it could be used: the worker\'s store of builds is too full')
    }

    return { reader: product, facts: factsOf(built, !isFirst) }
  }

  #limits (build: Build): Limits {
    const { ceilings } = this.#components
    const effective = effectiveLimits(build.limits, ceilings)

    if ('refusal' in effective) {
      throw new MeshmarkError('refused', `this worker must not build this: ${effective.refusal}`)
    }

    return { ...effective.limits, wallMs: build.limits.wallMs ?? Math.min(DEFAULT_BUILD_LIMITS.wallMs, ceilings.wallMs ?? Infinity) }
  }

  /** The tasks of a job that wait for its build at the same moment wait for one. */
  async #share (key: string, job: Job & { build: Build }, limits: Limits, o: BuildOptions): Promise<Built> {
    const pending = this.#pending.get(key) ?? this.#begin(key, job, limits, o)
    const aborted = Promise.withResolvers<never>()
    const abort = (): void => { aborted.reject(o.signal.reason as Error) }

    pending.waiting++
    o.signal.addEventListener('abort', abort, { once: true })

    try {
      o.signal.throwIfAborted()

      return await Promise.race([pending.done, aborted.promise])
    } finally {
      o.signal.removeEventListener('abort', abort)

      if (--pending.waiting === 0) {
        // nobody joins what is being ended
        this.#forget(key, pending)
        pending.stop.abort(o.signal.reason)
        await pending.done.catch(() => {})
      }
    }
  }

  #begin (key: string, job: Job & { build: Build }, limits: Limits, { createBox }: BuildOptions): Pending {
    const stop = new AbortController()
    const pending: Pending = {
      stop,
      waiting: 0,
      done: this.#build(job, limits, createBox, stop.signal).then(async built => {
        await this.#index.set(key, built)

        return built
      }).catch((err: unknown) => {
        if (err instanceof BuildFailure) {
          remember(this.#failed, job.id, { failure: err, atMs: performance.now() })
        }

        throw err
      }).finally(() => { this.#forget(key, pending) })
    }

    pending.done.catch(() => {})
    this.#pending.set(key, pending)

    return pending
  }

  #forget (key: string, pending: Pending): void {
    if (this.#pending.get(key) === pending) {
      this.#pending.delete(key)
    }
  }

  async #build (job: Job & { build: Build }, limits: Limits, createBox: () => Promise<Box>, signal: AbortSignal): Promise<Built> {
    const { content, dir } = this.#components
    const compiler = await this.#askCompiler(job, createBox, signal)
    const payload = job.payload == null ? undefined : await openPayload(content, job.payload)
    const left = await ProductFiles.create(dir)

    try {
      const output = new BuildOutput()
      const box = await createBox()
      let report: BoxReport

      try {
        report = await box.run({
          kind: 'exec',
          commands: [{ argv: ['sh', '-c', job.build.line], program: { kind: 'worker', path: '/bin/sh' } }],
          files: payload?.manifest.files.map(file => ({ ...file, read: () => payload.readFile(file.path) })) ?? [],
          descriptor: payload == null || payload.manifest.chunks.length === 0 ? undefined : await payload.descriptor(),
          env: job.data == null ? job.env : { MESHMARK_DATA: BOX_DATA, ...job.env },
          limits,
          plan: { kind: 'once' },
          data: job.data != null,
          collect: {
            patterns: ['**'],
            maxBytes: Math.min(MAX_COLLECT_BYTES, (payload == null ? 0 : payloadSize(payload.manifest)) + limits.tmpBytes),
            maxFiles: MAX_FILES
          }
        }, {
          signal,
          onEvent: async event => {
            switch (event.kind) {
              case 'output':
                output.append(event.data)
                break
              case 'file':
                left.begin({ path: event.path, size: event.size, executable: event.executable })
                break
              case 'content':
                await left.append(event.data)
            }
          }
        })
      } finally {
        await box.close()
      }

      const built = { compiler, wallMs: Math.round((report.commands[0]?.samples[0]?.wallNs ?? 0) / 1e6) }

      if (report.outcome !== 'done') {
        throw new BuildFailure(whyFailed(report, output), output.bytes, factsOf(built, false))
      }

      const missing = report.skipped?.filter(text => !LINK.test(text)) ?? []

      if (missing.length > 0) {
        throw new BuildFailure(`what the build left cannot be kept: ${printable(missing[0] ?? '', 300)}${missing.length > 1 ? ` and ${missing.length - 1} more` : ''}; let the build remove what no run needs`, output.bytes, factsOf(built, false))
      }

      return { ...built, product: (await left.keep(this.#store)).id }
    } finally {
      await left.close()
      await payload?.close()
    }
  }

  /** What it calls itself, in a box of its own: what builds are told by their files cannot lie about it. */
  async #askCompiler (job: Job & { build: Build }, createBox: () => Promise<Box>, signal: AbortSignal): Promise<string | undefined> {
    const compiler = compilerOf(job.build.line, job.env)
    const located = compiler == null ? undefined : await locate(compiler)

    if (located == null) {
      return undefined
    }

    if (!this.#compilers.has(located.stamp)) {
      const box = await createBox()

      try {
        const said = await askTools(box, [located], { signal })

        remember(this.#compilers, located.stamp, printable(said.get(located.name)?.trim().split('\n')[0] ?? '', MAX_COMPILER) || undefined)
      } finally {
        await box.close()
      }
    }

    return this.#compilers.get(located.stamp)
  }

  /** Undefined when it has gone, or is damaged: it is built again then. */
  async #open (key: string, { product }: Built): Promise<ContentReader | undefined> {
    try {
      return await this.#store.open(product)
    } catch {
      await this.#index.delete(key)

      return undefined
    }
  }

  async #keyOf (job: Job & { build: Build }, limits: Limits): Promise<string> {
    const { machine, files, sandbox } = this.#components
    // a worker's machine may change while it lives, hardly while it does one job
    const known = this.#keys.get(job.id) ?? (async () => {
      const compiler = compilerOf(job.build.line, job.env)
      const [tools, located, ...packages] = await Promise.all([
        locateTools(files),
        compiler == null ? undefined : locate(compiler),
        ...PACKAGES.map(async path => stat(path).then(({ mtimeMs, size }) => `${path},${mtimeMs},${size}`, () => ''))
      ])

      return buildKey({
        client: job.client,
        payload: job.payload?.id,
        data: job.data,
        line: job.build.line,
        env: job.env,
        limits,
        machine: [...machine, ...tools.map(({ stamp }) => stamp), located?.stamp ?? '', ...packages],
        filter: sandbox?.filterHash ?? ''
      })
    })()

    remember(this.#keys, job.id, known)

    return known
  }
}

/** As a box says it of what is left out. */
const LINK = /: (a link|no regular file)$/

function whyFailed ({ reason = '', commands }: BoxReport, output: BuildOutput): string {
  const exit = commands[0]?.samples[0]?.exit
  const how = exit?.kind === 'code' && commands[0]?.samples[0]?.limit == null ? `exit code ${exit.code}` : printable(reason, 300).replace(/ in run 1$/, '')

  return `the build failed: ${how}${output.gist == null ? '' : `: ${output.gist}`}`
}

async function locate ({ program, ask }: Compiler): ReturnType<typeof locateProgram> {
  return locateProgram('compiler', program, ask)
}

function factsOf ({ compiler, wallMs }: Omit<Built, 'product'>, cached: boolean): BuildFacts {
  return { ...(compiler == null ? {} : { compiler }), wallMs, cached }
}

/** As the youngest of a bounded number. */
function remember<V> (map: Map<string, V>, key: string, value: V): void {
  map.delete(key)
  map.set(key, value)

  for (const oldest of map.keys()) {
    if (map.size <= MAX_JOBS) {
      break
    }

    map.delete(oldest)
  }
}
