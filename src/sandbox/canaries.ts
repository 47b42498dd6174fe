/**
 * What a program in a box tries that must not work. Run by Node inside a real
 * box at every start of a worker; answers one JSON object on stdout. Each
 * attempt gives the word that the kernel refused it with, or `allowed`.
 */
export const CANARIES = `
const fs = require('node:fs')
const { spawnSync } = require('node:child_process')
const net = require('node:net')
const seen = {}

function attempt (name, action) {
  try {
    action()
    seen[name] = 'allowed'
  } catch (err) {
    seen[name] = String(err.code ?? err.message)
  }
}

attempt('write to the system', () => fs.writeFileSync('/usr/meshmark-canary', ''))
attempt('write to the root', () => fs.writeFileSync('/meshmark-canary', ''))
attempt('memory of the runner', () => fs.openSync('/proc/1/mem', 'r+'))
attempt('descriptors of the runner', () => fs.readdirSync('/proc/1/fd'))
attempt('signal to the runner', () => process.kill(1, 'SIGUSR1'))
attempt('become root', () => process.setuid(0))
attempt('kernel settings', () => fs.openSync('/proc/sys/kernel/core_pattern', 'r+'))
attempt('new namespace', () => {
  const { status, error } = spawnSync('unshare', ['--user', 'true'])

  if (error != null || status !== 0) {
    throw new Error(error?.code ?? 'refused')
  }
})

const socket = net.connect(9, '127.0.0.1')
const answer = word => {
  seen.network = word
  console.log(JSON.stringify(seen))
  process.exit(0)
}

socket.on('connect', () => answer('allowed'))
// A refused connection means that there was a network to refuse it.
socket.on('error', err => answer(err.code === 'ECONNREFUSED' ? 'allowed' : String(err.code)))
`

/** Every name that the program above answers. */
export const CANARY_NAMES = [
  'write to the system', 'write to the root', 'memory of the runner', 'descriptors of the runner', 'signal to the runner',
  'become root', 'kernel settings', 'new namespace', 'network'
] as const
