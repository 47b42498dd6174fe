import { createHash } from 'node:crypto'
import { closeSync, fstatSync, readSync } from 'node:fs'
import { ARCHITECTURES, newerCallNumber } from './call-numbers.ts'
import { checkFilter } from './filter-check.ts'
import { MFD_CLOEXEC } from './native/libc.ts'
import {
  argCmp, SCMP_ACT_ALLOW, SCMP_ACT_KILL_PROCESS, SCMP_CMP_EQ, SCMP_CMP_MASKED_EQ, SCMP_CMP_NE,
  SCMP_FLTATR_ACT_BADARCH, SCMP_FLTATR_CTL_OPTIMIZE, scmpActErrno
} from './native/libseccomp.ts'
import { allowList, guard } from './policy.ts'
import type { Architecture } from './call-numbers.ts'
import type { CompiledRule } from './filter-check.ts'
import type { Libc } from './native/libc.ts'
import type { Libseccomp } from './native/libseccomp.ts'
import type { Action, Condition, Policy, PolicyOptions } from './policy.ts'

/** Programs for the kernel's packet filter machine, 8 bytes per instruction, in the order in which they must be loaded. */
export interface Filters {
  programs: Buffer[]
  /** SHA-256 over all of them, lower-case hex. */
  hash: string
}

/** More sets of threads than a worker ever sees at once; what is here is made again in a few milliseconds. */
const CACHED_FILTERS = 16

export class FilterCompiler {
  readonly native: Architecture
  readonly #libc: Libc
  readonly #libseccomp: Libseccomp
  readonly #filters = new Map<string, Filters>()
  readonly #allowLists = new Map<string, Buffer>()

  /** Throws on a machine whose architecture the policy was not written for. */
  constructor (libc: Libc, libseccomp: Libseccomp) {
    const token = libseccomp.arch_native()
    const native = (Object.keys(ARCHITECTURES) as Architecture[]).find(name => ARCHITECTURES[name] === token)

    if (native == null) {
      throw new Error(`there is no system call policy for the architecture of this machine, ${process.arch}`)
    }

    this.native = native
    this.#libc = libc
    this.#libseccomp = libseccomp
  }

  /** The filters for a runner with these threads. They are nearly always the same, so they are kept. */
  filtersFor (tids: readonly number[], { memfd, twoUids }: PolicyOptions = { memfd: false, twoUids: false }): Filters {
    const kind = `${memfd} ${twoUids}`
    const key = `${kind} ${tids.join()}`
    let filters = this.#filters.get(key)

    if (filters == null) {
      let list = this.#allowLists.get(kind)

      if (list == null) {
        list = this.compile(allowList({ memfd, twoUids }))
        this.#allowLists.set(kind, list)
      }

      const programs = [this.compile(guard(tids)), list]
      const hash = programs.reduce((sha, program) => sha.update(program), createHash('sha256')).digest('hex')

      filters = { programs, hash }

      if (this.#filters.size >= CACHED_FILTERS) {
        this.#filters.clear()
      }

      this.#filters.set(key, filters)
    }

    return filters
  }

  /**
   * The number of a call, or undefined where the architecture has none and
   * for names that neither libseccomp nor this project knows.
   */
  callNumber (call: string, architecture: Architecture = this.native): number | undefined {
    const number = newerCallNumber(architecture, call) ?? this.#libseccomp.syscall_resolve_name_arch(ARCHITECTURES[architecture], call)

    return number < 0 ? undefined : number
  }

  /**
   * A filter, compared with its policy (see filter-check.ts). For another
   * architecture than this machine's, calls that the installed libseccomp does
   * not know by name are left to the default: it translates by name.
   */
  compile (policy: Policy, architecture: Architecture = this.native): Buffer {
    const seccomp = this.#libseccomp
    const otherwise = actionCode(policy.default)
    const context = seccomp.init(otherwise)

    if (context === 0n) {
      throw new Error('seccomp_init failed')
    }

    try {
      if (architecture !== this.native) {
        check('seccomp_arch_add', seccomp.arch_add(context, ARCHITECTURES[architecture]))
        check('seccomp_arch_remove', seccomp.arch_remove(context, ARCHITECTURES[this.native]))
      }

      check('seccomp_attr_set BADARCH', seccomp.attr_set(context, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS))
      // A binary tree instead of a list: half the cost per call.
      check('seccomp_attr_set OPTIMIZE', seccomp.attr_set(context, SCMP_FLTATR_CTL_OPTIMIZE, 2))

      const compiled: CompiledRule[] = []

      for (const rule of policy.rules) {
        const nr = this.callNumber(rule.call, architecture)
        const answer = actionCode(rule.action)
        const here = this.#numberForLibrary(rule.call, architecture)

        if (nr == null || here == null) {
          continue
        }

        compiled.push({ rule, nr, answer })

        // libseccomp refuses rules that say what happens anyway.
        if (answer !== otherwise) {
          check(`rule for ${rule.call}`, seccomp.rule_add_array(context, answer, here, rule.when == null ? 0 : 1, rule.when == null ? null : comparison(rule.when)))
        }
      }

      const program = this.#export(context)

      checkFilter(program, compiled, architecture, otherwise)
      return program
    } finally {
      seccomp.release(context)
    }
  }

  /** What rule_add_array wants: the native number, which it translates by name. */
  #numberForLibrary (call: string, architecture: Architecture): number | undefined {
    if (architecture === this.native) {
      return this.callNumber(call)
    }

    const number = this.#libseccomp.syscall_resolve_name_arch(ARCHITECTURES[this.native], call)

    return number === UNKNOWN_NAME ? undefined : number
  }

  #export (context: bigint): Buffer {
    const fd = this.#libc.memfd_create('filter', MFD_CLOEXEC)

    if (fd < 0) {
      throw new Error(`memfd_create failed with errno ${this.#libc.errno()}`)
    }

    try {
      check('seccomp_export_bpf', this.#libseccomp.export_bpf(context, fd))
      const program = Buffer.alloc(fstatSync(fd).size)

      readSync(fd, program, 0, program.length, 0)
      return program
    } finally {
      closeSync(fd)
    }
  }
}

/** __NR_SCMP_ERROR */
const UNKNOWN_NAME = -1

function actionCode (action: Action): number {
  return action === 'allow' ? SCMP_ACT_ALLOW : scmpActErrno(action.errno)
}

function comparison (when: Condition): Buffer {
  switch (when.is) {
    case 'equal':
      return argCmp(when.arg, SCMP_CMP_EQ, BigInt(when.value), 0n)
    case 'not-equal':
      return argCmp(when.arg, SCMP_CMP_NE, BigInt(when.value), 0n)
    case 'masked':
      return argCmp(when.arg, SCMP_CMP_MASKED_EQ, BigInt(when.mask), BigInt(when.value))
  }
}

function check (what: string, result: number): void {
  if (result < 0) {
    throw new Error(`${what} failed with errno ${-result}`)
  }
}
