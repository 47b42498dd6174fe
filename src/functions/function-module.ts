import type { FunctionText } from './function-text.ts'

/**
 * The module whose default export is the function. The text begins in the
 * second line, so that lines of a stack can be found.
 *
 * The last lines are what functions expect around them: `require`, and what
 * compilers put in their way. The declarations are hoisted.
 */
export function functionModule ({ name, text, isMethod }: Pick<FunctionText, 'name' | 'text' | 'isMethod'>): string {
  // a function without a name of its own takes that of its property
  const property = isMethod ? text : `[${JSON.stringify(name)}]:\n${text}`

  return `export default Object.values({ ${property}
})[0]
import { createRequire as meshmarkCreateRequire } from 'node:module'
const require = meshmarkCreateRequire(import.meta.url)
function __name (fn, value) { return Object.defineProperty(fn, 'name', { value, configurable: true }) }
function __vite_ssr_dynamic_import__ (specifier) { return import(specifier) }
`
}
