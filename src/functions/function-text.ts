import { isBuiltin } from 'node:module'
import { parse } from 'acorn'
import { analyze } from 'eslint-scope'
import { MeshmarkError } from '../model/errors.ts'
import { globalNames } from './globals.ts'
import type { Expression, Node, Program } from 'acorn'

export interface FunctionText {
  /** For titles and stacks. */
  name: string
  text: string
  /** It was written as a method of an object: `name (…) { … }`. */
  isMethod: boolean
  /** What it imports with a literal name: all of them Node's own, or relative. */
  imports: string[]
}

const ADVICE = 'pass them as arguments, declare them inside of it, or send a module along (option modules) and import() it there'

/**
 * The text of a function that can stand alone: all that goes to a worker is
 * what `toString` gives. Throws `usage` for what cannot, naming what is amiss.
 *
 * @param name - of a function that has none
 */
export function readFunction (fn: unknown, name = 'the function'): FunctionText {
  if (typeof fn !== 'function') {
    throw new MeshmarkError('usage', `distribute takes a function, not ${fn === null ? 'null' : `a value of type ${typeof fn}`}: write distribute(async (x) => …)`)
  }

  const called = fn.name === '' ? name : fn.name
  const text = Function.prototype.toString.call(fn)
  const { program, isMethod } = parseFunction(text, called)
  const node = functionOf(program, called, isMethod)

  if (node.generator === true) {
    throw new MeshmarkError('usage', `${called} is a generator, whose values would have to be asked for one by one: return an array, or distribute what makes one value`)
  }

  const found = look(node as Node)

  if (found.usesThis) {
    throw new MeshmarkError('usage', `${called} uses this, super or new.target, and nothing but its text goes to the worker: pass what it needs as an argument`)
  }

  const free = freeNames(program, found.onlyTyped)

  if (free.length > 0) {
    throw new MeshmarkError('usage', `${called} uses ${free.join(', ')} from outside of itself, and nothing but its own text goes to the worker: ${ADVICE}`)
  }

  const alien = found.imports.find(specifier => !isBuiltin(specifier) && !/^\.\.?\//.test(specifier))

  if (alien != null) {
    throw new MeshmarkError('usage', `${called} imports '${alien}', and workers have only what comes with Node: send a bundle of it along (option modules) and import('./NAME') that`)
  }

  return { name: called, text, isMethod, imports: found.imports.filter(specifier => !isBuiltin(specifier)) }
}

function parseFunction (text: string, called: string): { program: Program, isMethod: boolean } {
  if (/\{\s*\[native code\]\s*\}\s*$/.test(text)) {
    throw new MeshmarkError('usage', `${called} is built in or bound, and has no text that could be sent: wrap it, as in distribute((x) => Math.sqrt(x))`)
  }

  try {
    return { program: parseModule(`(${text}\n)`), isMethod: false }
  } catch (err) {
    try {
      return { program: parseModule(`({${text}\n})`), isMethod: true }
    } catch {
      throw new MeshmarkError('usage', `${called} is no text for a module of its own, where code is strict: ${(err as Error).message.replace(/ \(\d+:\d+\)$/, '')}`, { cause: err })
    }
  }
}

/** Ranges are what the analysis of scopes goes by. */
function parseModule (text: string): Program {
  return parse(text, { ecmaVersion: 'latest', sourceType: 'module', ranges: true })
}

function functionOf ({ body }: Program, called: string, isMethod: boolean): Expression & { generator?: boolean } {
  const [statement] = body
  const expression = statement?.type === 'ExpressionStatement' && body.length === 1 ? statement.expression : undefined
  const property = isMethod && expression?.type === 'ObjectExpression' && expression.properties.length === 1 ? expression.properties[0] : undefined
  const found = property?.type === 'Property' && property.kind === 'init' ? property.value : isMethod ? undefined : expression

  if (found?.type === 'ClassExpression') {
    throw new MeshmarkError('usage', `${called} is a class: distribute a function that makes what it needs of it inside`)
  }

  if (found?.type !== 'ArrowFunctionExpression' && found?.type !== 'FunctionExpression') {
    throw new MeshmarkError('usage', `${called} is a getter, a setter or no plain function: write distribute(async (x) => …)`)
  }

  return found
}

interface Found {
  /** The receiver of the function, which stays here; functions inside of it may have one of their own. */
  usesThis: boolean
  /** Starts of names of which only `typeof` is asked, which is safe. */
  onlyTyped: Set<number>
  imports: string[]
}

function look (root: Node): Found {
  const found: Found = { usesThis: false, onlyTyped: new Set(), imports: [] }

  visit(root, false)

  return found

  function visit (node: any, hasOwnThis: boolean): void {
    switch (node.type) {
      case 'ThisExpression': case 'Super': case 'MetaProperty':
        // import.meta is one as well
        found.usesThis ||= !hasOwnThis && node.meta?.name !== 'import'
        break
      case 'UnaryExpression':
        if (node.operator === 'typeof' && node.argument.type === 'Identifier') {
          found.onlyTyped.add(node.argument.start)
        }
        break
      case 'ImportExpression':
        takeImport(node.source)
        break
      case 'CallExpression':
        // what vite makes of an import
        if (node.callee.name === '__vite_ssr_dynamic_import__' && node.arguments[0] != null) {
          takeImport(node.arguments[0])
        }
    }

    const inside = hasOwnThis || (node !== root && (node.type === 'FunctionExpression' || node.type === 'FunctionDeclaration' || node.type === 'ClassBody'))

    for (const value of Object.values(node)) {
      for (const child of Array.isArray(value) ? value : [value]) {
        if (typeof child?.type === 'string') {
          visit(child, inside)
        }
      }
    }
  }

  function takeImport (source: { value?: unknown }): void {
    if (typeof source.value === 'string') {
      found.imports.push(source.value)
    }
  }
}

/** In the order in which they stand there, each once. */
function freeNames (program: Program, onlyTyped: ReadonlySet<number>): string[] {
  const known = globalNames()
  const { globalScope } = analyze(program as any, { ecmaVersion: 2022, sourceType: 'module' })
  const through = (globalScope?.through ?? []).map(({ identifier: { name, range } }) => ({ name, start: range?.[0] ?? -1 }))

  return [...new Set(through.filter(({ name, start }) => !known.has(name) && !onlyTyped.has(start)).map(({ name }) => name))]
}
