import { createHash } from 'node:crypto'
import { closeSync, fstatSync, readSync } from 'node:fs'
import { MFD_CLOEXEC } from './native/libc.ts'
import {
  argCmp, SCMP_ACT_ALLOW, SCMP_ACT_KILL_PROCESS, SCMP_CMP_EQ, SCMP_CMP_MASKED_EQ, SCMP_CMP_NE,
  SCMP_FLTATR_ACT_BADARCH, SCMP_FLTATR_CTL_OPTIMIZE, scmpActErrno
} from './native/libseccomp.ts'
import { allowList, runnerGuard } from './policy.ts'
import type { Libc } from './native/libc.ts'
import type { Libseccomp } from './native/libseccomp.ts'
import type { Action, Condition, Policy } from './policy.ts'

/** Programs for the kernel's packet filter machine, 8 bytes per instruction, in the order in which they must be loaded. */
export interface Filters {
  programs: Buffer[]
  /** SHA-256 over all of them, lower-case hex. */
  hash: string
}

export class FilterCompiler {
  readonly #libc: Libc
  readonly #libseccomp: Libseccomp
  readonly #cache = new Map<string, Filters>()
  #allowList: Buffer | undefined

  constructor (libc: Libc, libseccomp: Libseccomp) {
    this.#libc = libc
    this.#libseccomp = libseccomp
  }

  /** The filters for a runner with these threads. They are nearly always the same, so they are kept. */
  filtersFor (tids: readonly number[]): Filters {
    const key = tids.join()
    let filters = this.#cache.get(key)

    if (filters == null) {
      // Without a cgroup, memfds are memory that nothing bounds.
      this.#allowList ??= this.compile(allowList({ memfd: false }))
      const programs = [this.compile(runnerGuard(tids)), this.#allowList]
      const hash = programs.reduce((sha, program) => sha.update(program), createHash('sha256')).digest('hex')

      filters = { programs, hash }
      this.#cache.clear()
      this.#cache.set(key, filters)
    }

    return filters
  }

  compile (policy: Policy): Buffer {
    const seccomp = this.#libseccomp
    const context = seccomp.init(actionCode(policy.default))

    if (context === 0n) {
      throw new Error('seccomp_init failed')
    }

    try {
      check('seccomp_attr_set BADARCH', seccomp.attr_set(context, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS))
      // A binary tree instead of a list: half the cost per call.
      check('seccomp_attr_set OPTIMIZE', seccomp.attr_set(context, SCMP_FLTATR_CTL_OPTIMIZE, 2))

      for (const { call, when, action } of policy.rules) {
        const number = seccomp.syscall_resolve_name(call)

        // libseccomp refuses rules that say what happens anyway.
        if (number < 0 || actionCode(action) === actionCode(policy.default)) {
          continue
        }

        check(`rule for ${call}`, seccomp.rule_add_array(context, actionCode(action), number, when == null ? 0 : 1, when == null ? null : comparison(when)))
      }

      return this.#export(context)
    } finally {
      seccomp.release(context)
    }
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
