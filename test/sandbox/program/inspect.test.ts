import { execFileSync, spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { argvOf, inspectProgram, resolveName } from '../../../src/sandbox/program/index.ts'
import { craftElf } from './craft-elf.ts'
import type { Inspected, ProgramRoot } from '../../../src/sandbox/program/index.ts'

let folder: string
let root: ProgramRoot

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'meshmark-program-'))
  mkdirSync(join(folder, 'bin'))
  // Interpreters that are certainly there: real files, whose names are what matters.
  root = { arch: process.arch, path: [join(folder, 'bin'), dirname(process.execPath), '/usr/bin', '/bin'] }
  put('bin/python3', '#!/bin/sh\n')
})

afterAll(() => rmSync(folder, { recursive: true, force: true }))

function put (name: string, content: string | Buffer, mode = 0o755): string {
  const path = join(folder, name)

  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, content)
  chmodSync(path, mode)

  return path
}

function inspect (path: string, more: Partial<ProgramRoot> = {}): Inspected {
  return inspectProgram(path, { ...root, title: './prog', ...more })
}

function refusal (inspected: Inspected): { code: string, message: string } {
  if (inspected.ok) {
    throw new Error(`not refused: ${JSON.stringify(inspected)}`)
  }

  expect(inspected.notRun.message).not.toMatch(/\n/)

  return inspected.notRun
}

/** Runs what was inspected, as the runner would. */
function run (inspected: Inspected, argv: string[]): string {
  if (!inspected.ok) {
    throw new Error(inspected.notRun.message)
  }

  const [argv0, ...rest] = argvOf(inspected, argv)

  const { status, stdout, stderr } = spawnSync(inspected.path, rest, { argv0, encoding: 'utf8' })

  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })

  return stdout
}

describe('native programs that this worker cannot start', () => {
  it('names both architectures and how to choose another worker', () => {
    expect(refusal(inspect(put('arm', craftElf({ machine: 183 })), { arch: 'x64' }))).toEqual({
      code: 'wrong-architecture',
      message: './prog is an aarch64 program and this worker is x86-64: send one built for x86-64 or pick workers with --where arch=arm64'
    })
    expect(refusal(inspect(put('x86', craftElf()), { arch: 'arm64' })).message)
      .toBe('./prog is an x86-64 program and this worker is aarch64: send one built for aarch64 or pick workers with --where arch=x64')
  })

  it('refuses 32-bit x86, x32 and processors that nobody has', () => {
    expect(refusal(inspect(put('i386', craftElf({ class: 32, machine: 3 })), { arch: 'x64' }))).toEqual({
      code: 'wrong-architecture',
      message: './prog is an i386 (32-bit x86) program and this worker is x86-64: send one built for x86-64'
    })
    expect(refusal(inspect(put('x32', craftElf({ class: 32, machine: 62 })), { arch: 'x64' })).code).toBe('wrong-architecture')
    expect(refusal(inspect(put('alpha', craftElf({ machine: 0x9026 })), { arch: 'x64' })).message)
      .toBe('./prog is a program for another processor (ELF machine 36902, 64-bit) and this worker is x86-64: send one built for x86-64')
  })

  it('names a loader that is not there', () => {
    expect(refusal(inspect(put('musl', craftElf({ interpreter: '/lib/ld-musl-nowhere.so.1' })), { arch: 'x64' }))).toEqual({
      code: 'missing-loader',
      message: './prog needs the loader /lib/ld-musl-nowhere.so.1, which this worker does not have: install musl there, build it against glibc or link it statically'
    })
  })

  it('names a library that is not there', () => {
    const path = put('needy', craftElf({ interpreter: process.execPath, needed: ['libnowhere-meshmark.so.1'] }))

    expect(refusal(inspect(path, { arch: 'x64' }))).toEqual({
      code: 'missing-library',
      message: './prog needs the library libnowhere-meshmark.so.1, which this worker does not have: install it there or link statically'
    })
  })

  it('says through which library a library is missing', () => {
    const libraries = join(folder, 'through')
    const middle = put('through/libmiddle.so', craftElf({ type: 3, needed: ['libnowhere-meshmark.so.1'] }))
    const path = put('outer', craftElf({ interpreter: process.execPath, needed: ['libmiddle.so'] }))

    expect(refusal(inspect(path, { arch: 'x64', libraryPaths: [libraries] })).message)
      .toBe(`./prog (through ${middle}) needs the library libnowhere-meshmark.so.1, which this worker does not have: install it there or link statically`)
  })

  it('finds libraries beside the program by $ORIGIN, and passes over those of another processor', () => {
    put('app/lib/libmine.so', craftElf({ type: 3 }))
    put('app/foreign/libmine.so', craftElf({ type: 3, machine: 183 }))

    const needing = (tags: { runpath?: string, rpath?: string }): Inspected =>
      inspect(put('app/prog', craftElf({ interpreter: process.execPath, needed: ['libmine.so'], ...tags })), { arch: 'x64' })

    expect(needing({ runpath: '$ORIGIN/lib' }).ok).toBe(true)
    // eslint-disable-next-line no-template-curly-in-string
    expect(needing({ rpath: '/nowhere:${ORIGIN}/lib' }).ok).toBe(true)
    expect(needing({ runpath: '$ORIGIN/foreign' }).ok).toBe(false)
    expect(needing({ runpath: '$ORIGIN/foreign:$ORIGIN/lib' }).ok).toBe(true)
    expect(needing({}).ok).toBe(false)
  })

  it('names the glibc that is needed and the one that is there', () => {
    const libraries = join(folder, 'glibc')

    put('glibc/libc.so.6', craftElf({ type: 3, versionsDefined: ['GLIBC_2.2.5', 'GLIBC_2.36', 'GLIBC_2.9', 'GLIBC_PRIVATE'] }))

    const path = (version: string): string => put('new', craftElf({
      interpreter: process.execPath,
      needed: ['libc.so.6'],
      versionNeeds: [{ library: 'libc.so.6', versions: ['GLIBC_2.2.5', version, { weak: 'GLIBC_2.99' }] }]
    }))

    expect(inspect(path('GLIBC_2.36'), { arch: 'x64', libraryPaths: [libraries] }).ok).toBe(true)
    expect(refusal(inspect(path('GLIBC_2.38'), { arch: 'x64', libraryPaths: [libraries] }))).toEqual({
      code: 'missing-library',
      message: './prog needs glibc 2.38, this worker has 2.36: build it on an older system or link statically'
    })
  })

  it('names versions of other libraries too', () => {
    put('cxx/libstdc++.so.6', craftElf({ type: 3, versionsDefined: ['GLIBCXX_3.4.9', 'GLIBCXX_3.4.30', 'CXXABI_1.3'] }))

    const path = put('cxx/prog', craftElf({
      interpreter: process.execPath,
      needed: ['libstdc++.so.6'],
      versionNeeds: [{ library: 'libstdc++.so.6', versions: ['GLIBCXX_3.4.32'] }]
    }))

    expect(refusal(inspect(path, { arch: 'x64', libraryPaths: [join(folder, 'cxx')] })).message)
      .toBe("./prog needs version GLIBCXX_3.4.32 of the library libstdc++.so.6, this worker's goes up to GLIBCXX_3.4.30: build it on an older system or link statically")
  })

  it('ends when libraries need each other', () => {
    put('circle/liba.so', craftElf({ type: 3, needed: ['libb.so'] }))
    put('circle/libb.so', craftElf({ type: 3, needed: ['liba.so'] }))

    expect(inspect(put('circle/prog', craftElf({ interpreter: process.execPath, needed: ['liba.so'] })), { arch: 'x64', libraryPaths: [join(folder, 'circle')] }).ok).toBe(true)
  })

  it.each([
    ['an object file', craftElf({ type: 1 }), './prog is an object file, not a program: link it first'],
    ['a core dump', craftElf({ type: 4 }), './prog is a core dump, not a program: send the program itself'],
    ['a shared library', craftElf({ type: 3, entry: 0 }), './prog is a shared library, not a program: link a program against it'],
    ['a file cut short', craftElf().subarray(0, 50), './prog is damaged: it is cut short: its ELF headers point beyond its end; build or copy it again']
  ])('says that it is %s', (_, content, message) => {
    expect(refusal(inspect(put('other', content), { arch: 'x64' }))).toEqual({ code: 'not-executable', message })
  })

  it('asks for the execute bit', () => {
    expect(refusal(inspect(put('plain', craftElf(), 0o644), { arch: 'x64' })))
      .toEqual({ code: 'not-executable', message: './prog is not executable: set it with chmod +x' })
  })

  it('accepts static programs, position-independent ones included', () => {
    const path = put('static', craftElf())

    expect(inspect(path, { arch: 'x64' })).toEqual({ ok: true, path, argvPrefix: [] })
    expect(inspect(put('static-pie', craftElf({ type: 3, entry: 0x1000 })), { arch: 'x64' }).ok).toBe(true)
  })

  it('lets no control character of the file into a message', () => {
    const path = put('evil', craftElf({ interpreter: '/lib/\u001b[2J\nld.so\u202e' }))

    // eslint-disable-next-line no-control-regex
    expect(refusal(inspect(path, { arch: 'x64' })).message).not.toMatch(/[\u0000-\u001f\u202e]/)
  })
})

describe('programs of this machine', () => {
  it('accepts the programs that are running right now', () => {
    expect(inspect(process.execPath)).toEqual({ ok: true, path: process.execPath, argvPrefix: [] })
    expect(inspect('/bin/sh').ok).toBe(true)
    expect(inspect('ls')).toMatchObject({ ok: true, argvPrefix: [] })
  })

  it.skipIf(!hasCompiler())('accepts what the compiler makes, and finds what it lacks', () => {
    const source = put('main.c', 'int answer (void); int main (void) { return answer(); }')
    const library = put('answer.c', 'int answer (void) { return 0; }')
    const out = join(folder, 'gcc')
    const gcc = (...args: string[]): void => { execFileSync('gcc', args, { cwd: out, stdio: 'pipe' }) }

    mkdirSync(out)
    gcc('-shared', '-fPIC', '-o', 'libanswer.so', library)
    gcc('-o', 'dynamic', source, '-L.', '-lanswer')
    gcc('-o', 'origin', source, '-L.', '-lanswer', '-Wl,-rpath,$ORIGIN')
    gcc('-no-pie', '-o', 'fixed', source, library)
    gcc('-c', '-o', 'main.o', source)

    expect(refusal(inspect(join(out, 'dynamic'))).message).toContain('needs the library libanswer.so,')
    expect(inspect(join(out, 'dynamic'), { libraryPaths: [out] }).ok).toBe(true)
    expect(run(inspect(join(out, 'origin')), ['origin'])).toBe('')
    expect(run(inspect(join(out, 'fixed')), ['fixed'])).toBe('')
    expect(refusal(inspect(join(out, 'libanswer.so'))).message).toContain('is a shared library')
    expect(refusal(inspect(join(out, 'main.o'))).message).toContain('is an object file')

    // Without the static C library installed there is nothing to link, and nothing to test.
    try {
      gcc('-static', '-o', 'static', source, library)
    } catch {
      return
    }

    expect(run(inspect(join(out, 'static')), ['static'])).toBe('')
  })
})

function hasCompiler (): boolean {
  try {
    execFileSync('gcc', ['--version'], { stdio: 'pipe' })
    return true
  } catch {
    return false
  }
}

describe('scripts', () => {
  it('runs a script by its first line, with one argument at most', () => {
    const path = put('args', '#! /bin/sh -e -u\necho\n')

    expect(inspect(path)).toEqual({ ok: true, path: '/bin/sh', argvPrefix: ['/bin/sh', '-e -u', path] })
  })

  it('starts the interpreter that env would find, without env', () => {
    const path = put('hello', '#!/usr/bin/env node\nconsole.log(process.argv.slice(2).join())\n')
    const inspected = inspect(path)

    expect(inspected).toEqual({ ok: true, path: process.execPath, argvPrefix: [process.execPath, path] })
    expect(run(inspected, ['./hello', 'a b', 'c'])).toBe('a b,c\n')
  })

  it('splits what env -S would split', () => {
    const path = put('split', '#!/usr/bin/env -S node --no-warnings  --expose-gc\nconsole.log(typeof gc)\n')

    expect(inspect(path)).toMatchObject({ argvPrefix: [process.execPath, '--no-warnings', '--expose-gc', path] })
    expect(run(inspect(path), ['split'])).toBe('function\n')
  })

  it('leaves to env what only env can do', () => {
    const path = put('variables', '#!/usr/bin/env -S GREETING=hi sh\necho $GREETING\n')

    expect(inspect(path)).toEqual({ ok: true, path: '/usr/bin/env', argvPrefix: ['/usr/bin/env', '-S GREETING=hi sh', path] })
    expect(run(inspect(path), ['variables'])).toBe('hi\n')
  })

  it('follows an interpreter that is itself a script', () => {
    const inner = put('bin/inner', '#!/bin/sh\necho "$@"\n')
    const outer = put('outer.x', `#!${inner} first\n`)

    expect(inspect(outer)).toEqual({ ok: true, path: '/bin/sh', argvPrefix: ['/bin/sh', inner, 'first', outer] })
    expect(run(inspect(outer), ['x', 'last'])).toBe(`first ${outer} last\n`)
  })

  it('gives up on scripts that interpret each other', () => {
    const a = join(folder, 'a')

    put('b', `#!${a}\n`)
    put('a', `#!${join(folder, 'b')}\n`)
    expect(refusal(inspect(a)).code).toBe('missing-interpreter')
  })

  it('checks the interpreter like any program', () => {
    const foreign = put('foreign', craftElf({ machine: 183 }))

    expect(refusal(inspect(put('by-foreign', `#!${foreign}\n`), { arch: 'x64' })).message)
      .toMatch(/^\.\/prog cannot be run by its interpreter: .*foreign is an aarch64 program/)
  })

  it('names an interpreter that is not there', () => {
    expect(refusal(inspect(put('p4', '#!/usr/bin/python4\n')))).toEqual({
      code: 'missing-interpreter',
      message: './prog asks for the interpreter /usr/bin/python4, which this worker does not have: install it there or pick other workers with --where'
    })
    expect(refusal(inspect(put('e4', '#!/usr/bin/env python4\n'))).message).toContain('asks for the interpreter python4, which')
  })

  it.each([
    ['hello.py', 'python3'], ['hello.sh', 'sh'], ['hello.js', 'node'], ['hello.mjs', 'node'], ['hello.cjs', 'node']
  ])('runs %s by %s when it has no first line, executable or not', (name, interpreter) => {
    const path = put(name, 'x = 1\n', 0o644)
    const inspected = inspect(path)

    if (!inspected.ok) {
      throw new Error(inspected.notRun.message)
    }

    expect(inspected.argvPrefix.at(-1)).toBe(path)
    expect(inspected.argvPrefix.some(word => word.endsWith(`/${interpreter}`))).toBe(true)
  })

  it('names the interpreter that an extension needs', () => {
    expect(refusal(inspect(put('hello.py', 'x = 1\n'), { path: [] })).message)
      .toBe('./prog needs the interpreter python3, which this worker does not have: install it there or pick other workers with --where')
  })

  it('tells of Windows line endings instead of a strange interpreter', () => {
    expect(refusal(inspect(put('dos', '#!/bin/sh\r\necho\r\n'))).message).toContain('Windows line endings')
  })

  it('reads as much of the first line as the kernel does', () => {
    const line = (length: number): string => `#!/bin/sh ${'x'.repeat(length - 10)}`

    expect(inspect(put('fits', `${line(254)}\n`)).ok).toBe(true)
    expect(inspect(put('ends', line(255))).ok).toBe(true)
    expect(refusal(inspect(put('long', `${line(256)}\n`))).message).toContain('longer than the 255 bytes')
  })
})

describe('what is no program at all', () => {
  it.each([
    ['an empty file', '', 'empty-file', './prog is empty: was it built?'],
    ['text', 'hello\n', 'not-executable', './prog is neither a program nor a script: add a first line such as #!/usr/bin/env python3'],
    ['a first line without a name', '#! \n', 'missing-interpreter', 'the first line of ./prog names no interpreter after #!: write e.g. #!/usr/bin/env python3'],
    ['a Windows program', 'MZ\u0090\u0000', 'wrong-architecture', './prog is a Windows program and workers run Linux: send one built for Linux']
  ])('refuses %s', (_, content, code, message) => {
    expect(refusal(inspect(put('file', content)))).toEqual({ code, message })
  })

  it('refuses folders, devices, pipes and what is not there without waiting', () => {
    const pipe = join(folder, 'pipe')

    execFileSync('mkfifo', [pipe])
    expect(refusal(inspect(folder)).message).toBe('./prog is a folder: name the program in it')
    expect(refusal(inspect('/dev/null')).message).toContain('is not a regular file')
    expect(refusal(inspect(pipe)).message).toContain('is not a regular file')
    expect(refusal(inspect(join(folder, 'nowhere'))).code).toBe('not-found')
    expect(refusal(inspect(`${folder}/\0`)).code).toBe('not-executable')
  })

  it('answers for any bytes', () => {
    const start = fc.constantFrom('', '#!', '#!/usr/bin/env ', '\u007fELF\u0002\u0001', 'MZ')

    fc.assert(fc.property(start, fc.uint8Array({ maxLength: 300 }), (begin, rest) => {
      expect(typeof inspect(put('any', Buffer.concat([Buffer.from(begin, 'latin1'), rest]))).ok).toBe('boolean')
    }), { numRuns: 300 })
  })
})

describe('names without a slash', () => {
  it('are found in the first folder that has such a program', () => {
    put('one/tool', 'x', 0o644)

    const second = put('two/tool', 'x')

    put('three/tool', 'x')
    mkdirSync(join(folder, 'zero/tool'), { recursive: true })
    expect(resolveName('tool', ['zero', 'one', 'two', 'three'].map(name => join(folder, name)))).toEqual({ ok: true, path: second })
  })

  it('are not executable when only plain files have them', () => {
    put('one/tool', 'x', 0o644)
    expect(resolveName('tool', [join(folder, 'one')])).toMatchObject({ ok: false, notRun: { code: 'not-executable' } })
  })

  it('say how to send a file when nobody has them', () => {
    expect(resolveName('primes', ['/usr/bin', '', '.'])).toEqual({
      ok: false,
      notRun: { code: 'not-found', message: 'primes is not installed on this worker: install it there, or write ./primes to send your own file' }
    })
    expect(refusal(inspect('primes')).code).toBe('not-found')
    expect(resolveName('a\0b', ['/usr/bin']).ok).toBe(false)
  })
})
