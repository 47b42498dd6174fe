import { describe, expect, it } from 'vitest'
import { readFunction } from '../../src/functions/function-text.ts'

const outer = 21
const helper = (x: number): number => x * outer

/** Made from text: what a tool does to this file does not touch it. */
function made (text: string): unknown {
  // eslint-disable-next-line no-new-func
  return new Function(`return (${text})`)()
}

function method (text: string): unknown {
  // eslint-disable-next-line no-new-func
  return Object.values(new Function(`return {${text}}`)())[0]
}

function refusal (fn: unknown): string {
  try {
    readFunction(fn)
  } catch (err) {
    expect(err).toMatchObject({ name: 'MeshmarkError', code: 'usage' })

    return (err as Error).message
  }

  throw new Error('it was taken')
}

describe('the text of a function', () => {
  it.each([
    'x => x * x',
    'async (x) => { const y = await Promise.resolve(x); return y }',
    'async function fact (n) { return n < 2 ? 1 : n * await fact(n - 1) }',
    '({ a: { b }, ...rest }, [c = b] = [], ...more) => [b, c, rest, more]',
    'function () { return arguments.length }',
    'async () => { const { readFile } = await import("node:fs/promises"); return typeof readFile }',
    '() => require("os").cpus().length',
    '(text) => { try { return JSON.parse(text) } catch { return Buffer.from(text) } }',
    '() => { class A { #x = 1; get x () { return this.#x } } return new A().x }',
    '() => { function f () { return this } return f.call(1) }',
    '() => { loop: for (const i of [1]) { continue loop } }',
    '() => typeof window === "undefined"',
    '() => { const f = __name(() => 1, "f"); return f() }',
    '() => fetch === globalThis.fetch && process.pid > 0 && structuredClone(1n)'
  ])('%s can stand alone', text => {
    expect(readFunction(made(text))).toMatchObject({ text, isMethod: false })
  })

  it.each([
    'square (x) { return x * x }',
    'async square (x) { return x * x }',
    '"a b" (x) { return x }',
    'async (x) { return x }'
  ])('%s can stand alone as a method', text => {
    expect(readFunction(method(text))).toMatchObject({ text, isMethod: true })
  })

  it('of a function of this very file can stand alone, types and all', () => {
    expect(readFunction(async (x: number): Promise<number> => { const square = (y: number): number => y * y; return square(x) }).isMethod).toBe(false)
  })

  it('that uses variables from outside is refused, naming them in their order', () => {
    expect(refusal(made('x => helper(x) + outer + helper(outer) + Math.abs(x)'))).toBe('the function uses helper, outer from outside of itself, and nothing but its own text goes to the worker: pass them as arguments, declare them inside of it, or send a module along (option modules) and import() it there')
    expect(refusal(function useHelper (x: number) { return helper(x) + outer })).toContain('useHelper uses helper, outer from outside')
    expect(refusal(made('x => { counter++ }'))).toContain('uses counter from')
    expect(refusal(made('(x = base) => x'))).toContain('uses base from')
    expect(refusal(made('() => { { let x = 1; x++ } return x }'))).toContain('uses x from')
    expect(refusal(made('() => __dirname + module.id'))).toContain('uses __dirname, module from')
    expect(refusal(made('() => typeof window === "undefined" ? 1 : window.name'))).toContain('uses window from')
    // an arrow has those of the function around it
    expect(refusal(made('() => arguments.length'))).toContain('uses arguments from')
    expect(refusal(method('[String(1)] (x) { return y }'))).toContain('uses y from')
  })

  it('that this program alone has as a global is refused as well', () => {
    (globalThis as any).onlyHere = 1

    try {
      expect(refusal(made('() => onlyHere'))).toContain('uses onlyHere from')
    } finally {
      delete (globalThis as any).onlyHere
    }
  })

  it('that needs its receiver is refused', () => {
    for (const text of ['function () { return this.x }', '() => this', 'function () { return new.target }', '() => { const f = () => this; return f() }']) {
      expect(refusal(made(text)), text).toContain('uses this, super or new.target')
    }

    expect(refusal(method('m () { return super.toString() }'))).toContain('m uses this, super')
  })

  it('is refused when it is none of a plain function', () => {
    expect(refusal(made('function * () { yield 1 }'))).toContain('is a generator')
    expect(refusal(method('async * values () { yield 1 }'))).toContain('values is a generator')
    expect(refusal(made('class A {}'))).toContain('A is a class')
    expect(refusal(Math.sqrt)).toContain('sqrt is built in or bound')
    expect(refusal(helper.bind(null))).toContain('bound helper is built in or bound')
    expect(refusal(Object.getOwnPropertyDescriptor({ get x () { return 1 } }, 'x')!.get)).toContain('getter')
    expect(refusal(42)).toBe('distribute takes a function, not a value of type number: write distribute(async (x) => …)')
    expect(refusal(null)).toContain('not null')
    expect(refusal(made('function () { with (Math) { return PI } }'))).toContain('where code is strict')
  })

  it('tells what it imports, and what no worker has is refused', () => {
    expect(readFunction(made('() => Promise.all([import("node:os"), import("fs"), import("./a.js"), import("../b.js"), import(x => x)])')).imports).toEqual(['./a.js', '../b.js'])
    expect(refusal(made('() => import("lodash")'))).toContain("imports 'lodash', and workers have only what comes with Node")
    expect(refusal(made('() => __vite_ssr_dynamic_import__("lodash")'))).toContain("imports 'lodash'")
  })
})
