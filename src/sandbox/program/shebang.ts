/** What the first line of a script asks for. */
export type Shebang =
  | { kind: 'none' }
  | { kind: 'bad', problem: 'too-long' | 'no-interpreter' | 'windows-line-ending' }
  | { kind: 'script', interpreter: string, argument?: string }

/** The kernel reads 256 bytes of a script, the last of them for its own NUL (BINPRM_BUF_SIZE, Linux 5.1). */
export const SHEBANG_BYTES = 255

/**
 * The kernel's rules (fs/binfmt_script.c): blanks around the interpreter are
 * skipped, and all that follows it is one single argument.
 */
export function parseShebang (start: Buffer): Shebang {
  if (start[0] !== 0x23 || start[1] !== 0x21) {
    return { kind: 'none' }
  }

  const seen = start.subarray(2, SHEBANG_BYTES)
  const newline = seen.indexOf(0x0a)

  if (newline === -1 && start.length > SHEBANG_BYTES) {
    return { kind: 'bad', problem: 'too-long' }
  }

  const line = seen.subarray(0, newline === -1 ? seen.length : newline).toString('utf8').replace(/^[ \t]+|[ \t]+$/g, '')

  if (line.endsWith('\r')) {
    return { kind: 'bad', problem: 'windows-line-ending' }
  }

  const [, interpreter, argument] = /^([^ \t\0]+)[ \t]*([^\0]*)$/.exec(line) ?? []

  if (interpreter == null) {
    return { kind: 'bad', problem: 'no-interpreter' }
  }

  return { kind: 'script', interpreter, argument: argument === '' ? undefined : argument }
}

/**
 * The words of `#!/usr/bin/env …` when they only name a program to be found in
 * PATH, with its arguments: `env python3`, `env -S python3 -u`. Undefined when
 * env has more to do (options, variables, escapes), and for anything but env.
 */
export function envWords (interpreter: string, argument: string | undefined): string[] | undefined {
  if (!/^(\/usr)?\/bin\/env$/.test(interpreter) || argument == null) {
    return undefined
  }

  const split = /^(?:-S|--split-string=)[ \t]*(.*)$/.exec(argument)?.[1]
  const words = split == null ? [argument] : split.split(/[ \t]+/).filter(Boolean)
  const [name] = words

  if (name == null || name.startsWith('-') || name.includes('=') || (split != null && /["'\\$#]/.test(split))) {
    return undefined
  }

  return words
}
