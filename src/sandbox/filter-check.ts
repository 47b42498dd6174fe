import { ARCHITECTURES } from './call-numbers.ts'
import { SCMP_ACT_KILL_PROCESS } from './native/libseccomp.ts'
import { runFilter } from './packet-filter.ts'
import type { Architecture } from './call-numbers.ts'
import type { Condition, Rule } from './policy.ts'

/** A rule, with what libseccomp calls its call and its answer. */
export interface CompiledRule { rule: Rule, nr: number, answer: number }

/** Bit 30 of a number marks a call of the x32 kind. */
const X32 = 0x40000000
const I386 = 0x40000003
/** Numbers of calls end well below. */
const NUMBERS = 1024

/**
 * Runs a compiled filter and compares it with the rules that it was made of,
 * since libseccomp's are not the same on every machine and have merged rules
 * wrongly before. For every rule: arguments that satisfy it, arguments beside
 * it, both with bits above the 32nd; other architectures; every number that no
 * rule names. Throws at the first wrong answer.
 */
export function checkFilter (program: Buffer, rules: readonly CompiledRule[], architecture: Architecture, otherwise: number): void {
  const arch = ARCHITECTURES[architecture]
  const byNumber = new Map<number, CompiledRule[]>()

  for (const compiled of rules) {
    byNumber.set(compiled.nr, [...byNumber.get(compiled.nr) ?? [], compiled])
  }

  for (const [nr, ofCall] of byNumber) {
    for (const args of ofCall.flatMap(({ rule }) => probes(rule.when))) {
      const expected = ofCall.find(({ rule }) => holds(rule.when, args))?.answer ?? otherwise
      const actual = runFilter(program, { nr, arch, args })

      if (actual !== expected) {
        throw new Error(`libseccomp made a wrong filter: ${ofCall[0]?.rule.call}(${args.map(arg => `0x${arg.toString(16)}`).join(', ')}) is answered with 0x${actual.toString(16)} instead of 0x${expected.toString(16)}`)
      }
    }
  }

  const foreign = [{ nr: 0, arch: I386 }, ...architecture === 'x64' ? [{ nr: X32, arch }] : []]

  for (const call of foreign) {
    if (runFilter(program, call) !== SCMP_ACT_KILL_PROCESS) {
      throw new Error('libseccomp made a wrong filter: calls of another architecture are let through')
    }
  }

  for (let nr = 0; nr < NUMBERS; nr++) {
    if (!byNumber.has(nr) && runFilter(program, { nr, arch }) !== otherwise) {
      throw new Error(`libseccomp made a wrong filter: call ${nr}, which no rule names, does not get the default`)
    }
  }
}

/** Whether the six arguments satisfy the condition. */
function holds (when: Condition | undefined, args: readonly bigint[]): boolean {
  if (when == null) {
    return true
  }

  const value = args[when.arg] ?? 0n

  switch (when.is) {
    case 'equal':
      return value === BigInt(when.value)
    case 'not-equal':
      return value !== BigInt(when.value)
    case 'masked':
      return (value & BigInt(when.mask)) === BigInt(when.value)
  }
}

function probes (when: Condition | undefined): bigint[][] {
  if (when == null) {
    return [[], [1n, 1n, 1n, 1n, 1n, 1n]]
  }

  const bits = when.is === 'masked' ? bitsOf(when.mask) : bitsOf(0xffffffff)
  const value = BigInt(when.value)
  // All of the mask in case it is short, else what lies just beside and the ends.
  const beside = bits.length < 12 ? bits.map(bit => value ^ bit) : [value ^ 1n, value ^ 2n, value ^ 0x80000000n, value + 1n]
  const low = [value, ...beside, 0n, 0xffffffffn]

  return [...low, ...low.map(each => each | 1n << 32n), value | 0xffffffffn << 32n].map(each => {
    const args = [0n, 0n, 0n, 0n, 0n, 0n]

    args[when.arg] = each
    return args
  })
}

function bitsOf (mask: number): bigint[] {
  return Array.from({ length: 32 }, (_, index) => 1n << BigInt(index)).filter(bit => (BigInt(mask) & bit) !== 0n)
}
