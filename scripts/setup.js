#!/usr/bin/env node
/**
 * Everything a fresh checkout needs, in one idempotent step: npm packages,
 * system packages, build. Quiet and quick when there is nothing to do.
 *
 *   node scripts/setup.js [--no-build]
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { installCommand, inPath, SYSTEM_PACKAGES, TEST_PACKAGES } from './lib/packages.js'
import { fail, ROOT, run, say } from './lib/process.js'
import { dependenciesAreStale } from './lib/stale.js'

export async function setup ({ build = true, system = true } = {}) {
  checkNode()

  if (dependenciesAreStale(ROOT)) {
    await installDependencies()
  }

  if (system) {
    await installSystemPackages()
  }

  if (build) {
    const { buildIfStale } = await import('./build.js')

    await buildIfStale()
  }
}

function checkNode () {
  const { engines } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'))
  const [major, minor] = engines.node.replace('>=', '').split('.').map(Number)
  const [ownMajor, ownMinor] = process.versions.node.split('.').map(Number)

  if (ownMajor < major || (ownMajor === major && ownMinor < minor)) {
    fail(`setup: Node.js ${process.versions.node} is too old: install ${major}.${minor} or newer from https://nodejs.org`)
  }
}

async function installDependencies () {
  say('setup: installing npm packages')

  // Without install scripts: every native part comes as a prebuilt file inside its package.
  const { code, output } = await run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'], { quiet: true })

  if (code !== 0) {
    process.stderr.write(output)
    fail(/ENOTFOUND|ECONNREFUSED|EAI_AGAIN|ETIMEDOUT|ENETUNREACH/.test(output)
      ? 'setup: npm ci failed because the package registry cannot be reached: connect to the network, or set its address with npm config set registry URL'
      : 'setup: npm ci failed; its messages are above')
  }
}

async function installSystemPackages () {
  if (process.platform !== 'linux') {
    say(`setup: this is ${process.platform}: masters and clients run here, workers need Linux`)
    return
  }

  const missing = SYSTEM_PACKAGES.filter(({ present }) => !present())

  if (missing.length === 0) {
    return
  }

  const names = missing.map(({ name }) => name).join(', ')
  const command = installCommand(missing)

  if (process.getuid() !== 0 || !inPath('apt-get')) {
    const advice = command == null
      ? `install ${names} with this system's package manager`
      : `type: ${process.getuid() === 0 ? '' : 'sudo '}${command}`

    if (missing.some(({ needed }) => needed)) {
      fail(`setup: the sandbox needs ${names}; ${advice}`)
    }

    say(`setup: ${names} is missing, the sandbox is weaker without it; ${advice}`)
    return
  }

  say(`setup: installing ${names}`)

  const { code, output } = await aptInstall(missing)

  if (code !== 0 || missing.some(({ present }) => !present())) {
    process.stderr.write(output)
    fail(`setup: ${names} could not be installed; with a network, type: apt-get update && ${command}`)
  }
}

/** What tests run in boxes, where it can be installed without asking; tests do without what is missing. */
export async function installTestPackages () {
  const missing = TEST_PACKAGES.filter(({ present }) => !present())

  if (missing.length === 0 || process.getuid?.() !== 0 || !inPath('apt-get')) {
    return
  }

  const names = missing.map(({ name }) => name).join(', ')

  say(`setup: installing ${names} for the tests`)

  const { code } = await aptInstall(missing)

  if (code !== 0) {
    say(`setup: ${names} could not be installed; tests that need them are skipped`)
  }
}

/** Resolves with the exit code, and the output of the step that failed first. */
async function aptInstall (packages) {
  const env = { DEBIAN_FRONTEND: 'noninteractive' }
  // Another installation may be under way; wait for its lock.
  const wait = ['-q', '-o', 'DPkg::Lock::Timeout=120']
  const update = await run('apt-get', ['update', ...wait], { quiet: true, env })
  const install = await run('apt-get', ['install', '-y', ...wait, '--no-install-recommends', ...packages.map(({ name }) => name)], { quiet: true, env })

  return { code: install.code, output: update.code === 0 ? install.output : update.output }
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  await setup({ build: !process.argv.includes('--no-build') })
}
