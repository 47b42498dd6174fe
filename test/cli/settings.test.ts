import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Command, Option } from 'commander'
import { describe, expect, it } from 'vitest'
import { buildCommand } from '../../src/cli/build.ts'
import { ListOption, splitCommas } from '../../src/cli/common/list-option.ts'
import { applySettings } from '../../src/cli/settings.ts'
import { parseCount } from '../../src/model/units.ts'
import { temporaryFolder, testContext, type } from './helpers.ts'

async function configured (content: string): Promise<string> {
  const file = join(await temporaryFolder(), 'config.yaml')

  await writeFile(file, content)

  return file
}

/** The options of `run`, as far as they differ in kind. */
async function settle (argv: string[], env: NodeJS.ProcessEnv): Promise<Record<string, unknown>> {
  const command = new Command()
    .option('-r, --runs <n>', '', text => parseCount(text, '--runs'))
    .addOption(new ListOption('--with <file>', ''))
    .addOption(new ListOption('--master <addr>', '', splitCommas))
    .addOption(new Option('--format <format>').choices(['table', 'json']).default('table'))
    .option('--no-mdns')
    .option('--quiet')

  command.parse(argv, { from: 'user' })
  await applySettings(command, 'run', testContext({ env }))

  return command.opts()
}

describe('options from elsewhere', () => {
  it('prefers the flag to the environment, and that to the file', async () => {
    const MESHMARK_CONFIG = await configured('runs: 10\nformat: json\n')

    expect(await settle([], { MESHMARK_CONFIG })).toMatchObject({ runs: 10, format: 'json' })
    expect(await settle([], { MESHMARK_CONFIG, MESHMARK_RUNS: '20' })).toMatchObject({ runs: 20, format: 'json' })
    expect(await settle(['-r', '30', '--format', 'table'], { MESHMARK_CONFIG, MESHMARK_RUNS: '20' })).toMatchObject({ runs: 30, format: 'table' })
    expect(await settle([], {})).toMatchObject({ format: 'table', mdns: true })
  })

  it("prefers a command's own section to the top of the file", async () => {
    const MESHMARK_CONFIG = await configured('runs: 10\nrun:\n  runs: 20\nexec:\n  timeout: 5s\n')

    expect(await settle([], { MESHMARK_CONFIG })).toMatchObject({ runs: 20 })
  })

  it('reads lists, and switches in both directions', async () => {
    const MESHMARK_CONFIG = await configured('with: [a, b]\nmaster: x,y\nno-mdns: true\n')

    expect(await settle([], { MESHMARK_CONFIG })).toMatchObject({ with: ['a', 'b'], master: ['x', 'y'], mdns: false })
    expect(await settle([], { MESHMARK_CONFIG, MESHMARK_NO_MDNS: '0', MESHMARK_WITH: 'c\nd' })).toMatchObject({ with: ['c', 'd'], mdns: true })
  })

  it('reads options of several words, and one whose value may be left out', async () => {
    const MESHMARK_CONFIG = await configured('run:\n  ignore-failure: 3\n  parameter-list: ["c gcc,clang", "o -O1 -g,-O2"]\n  prepare: [make clean, ""]\n')
    const command = await buildCommand('run', testContext())

    command.action(() => {})
    await command.parseAsync([], { from: 'user' })
    await applySettings(command, 'run', testContext({ env: { MESHMARK_CONFIG, MESHMARK_PARAMETER_SCAN: 'n 1 8', MESHMARK_QUIET_WAIT: '0', MESHMARK_COLD_CACHE: '1' } }))

    expect(command.opts()).toMatchObject({
      ignoreFailure: { codes: [3] },
      parameterList: ['c gcc,clang', 'o -O1 -g,-O2'],
      parameterScan: 'n 1 8',
      prepare: ['make clean', ''],
      quietWait: 0,
      coldCache: true
    })
    await applySettings(command, 'run', testContext({ env: { MESHMARK_CONFIG: await configured('ignore-failure: true\n') } }))
    expect(command.opts()).toMatchObject({ ignoreFailure: { codes: [] } })
  })

  it.each([
    ['colour: red\n', /'colour' is not an option of any command/],
    ['run:\n  label: a=b\n', /'label' is not an option of 'run'/],
    ['runs: many\n', /runs in .*config.yaml: --runs 'many' is not a whole number/],
    ['runs: [1, 2]\n', /must be one text or number/],
    ['format: xml\n', /is 'xml': it can be table, json/],
    ['quiet: perhaps\n', /it can be 1 or 0/],
    ['- a\n', /keys and values/],
    ['a: [\n', /config\.yaml cannot be read: [^\n;]+ at line 2, column 1$/]
  ])('refuses the file %j with the name of what is wrong', async (content, message) => {
    const MESHMARK_CONFIG = await configured(content)

    await expect(settle([], { MESHMARK_CONFIG })).rejects.toThrow(message)
  })

  it('refuses a file that was named and is not there', async () => {
    await expect(settle([], { MESHMARK_CONFIG: '/nonexistent/x.yaml' })).rejects.toThrow(/does not exist/)
  })

  it('says it as any wrong usage: one line, and 2', async () => {
    const { code, err } = await type(['nodes'], { env: { MESHMARK_FORMAT: 'xml' } })

    expect(code).toBe(2)
    expect(err).toMatch(/^meshmark: MESHMARK_FORMAT is 'xml': it can be table, json, .*\n$/)
  })
})
