import { execFile } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { TestMesh } from './mesh.ts'
import { eventually } from './processes.ts'

const CLIENT = join(import.meta.dirname, '../../clients/python')

describe('the Python client', () => {
  let mesh: TestMesh
  let env: NodeJS.ProcessEnv

  beforeAll(async () => {
    mesh = await TestMesh.create()
    const { http } = await (await mesh.master(['--http=127.0.0.1:0'])).ready as { http?: string }
    await Promise.all([mesh.worker('lab-1', ['--slots', '2']), mesh.worker('lab-2')])
    const token = (await mesh.run(['token', 'create', 'client', '--http', '--master', mesh.address])).stdout.match(/mmh1-\S+/)?.[0]
    env = { PATH: process.env.PATH, LANG: 'C.UTF-8', PYTHONDONTWRITEBYTECODE: '1', PYTHONPATH: CLIENT, MESHMARK_URL: http, MESHMARK_TOKEN: token }
    await eventually('both workers are there', async () => JSON.parse((await mesh.run(['nodes', '--format', 'json'])).stdout).filter(({ role }: { role: string }) => role === 'worker').length === 2)
  })

  afterAll(async () => { await mesh.close() })

  it('passes its own tests with a real Python and a real mesh', async () => {
    const { stderr } = await promisify(execFile)('python3', ['-m', 'unittest', 'discover', '-s', 'tests', '-v'], { cwd: CLIENT, env })
      .catch(err => ({ stderr: String(err.stderr) }))

    expect(stderr).toMatch(/^OK$/m)
    expect(stderr).not.toContain('skipped')
  })

  it('does what its README says, word for word', async () => {
    const blocks = [...(await readFile(join(CLIENT, 'README.md'), 'utf8')).matchAll(/^```python\n(.*?)^```\n\nwhich prints\n\n```\n(.*?)^```$/gms)]
    const program = join(mesh.dir, 'work', 'readme.py')

    // the text of a function is read from its file
    await writeFile(program, blocks.map(([, code]) => code).join('\n'))

    const { stdout, stderr } = await promisify(execFile)('python3', [program], { env })

    expect(blocks.length).toBeGreaterThan(1)
    expect(stderr).toBe('')
    expect(stdout).toBe(blocks.map(([,, printed]) => printed).join(''))
  })
})
