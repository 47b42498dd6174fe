#!/usr/bin/env node
/**
 * Writes docs/protocol/<protocol>.proto from the declarations that encode and
 * check the messages, for whoever speaks to a mesh in another language, and
 * docs/system-calls.md from the sandbox's policy.
 *
 *   node scripts/generate.js [--check]
 *
 * `--check` writes nothing and fails when a document is not what it should be.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { pathToFileURL } from 'node:url'
import { callDocument } from './lib/call-document.js'
import { fail, ROOT, say } from './lib/process.js'
import { protoDocument } from './lib/proto-document.js'
import { setup } from './setup.js'

const FOLDER = join(ROOT, 'docs')
const ROOM = join(ROOT, 'dist', 'node', 'protocol')

await setup({ system: false })

const documents = new Map([...await protocolDocuments(), ...await sandboxDocuments()])

if (process.argv.includes('--check')) {
  const stale = namesOnDisk().filter(name => !documents.has(name))
    .concat([...documents].filter(([name, text]) => read(name) !== text).map(([name]) => name))

  if (stale.length > 0) {
    fail(`generate: ${stale.map(name => relative(ROOT, join(FOLDER, name))).join(', ')} is not what the source says: type node scripts/generate.js`)
  }
} else {
  for (const name of namesOnDisk().filter(name => !documents.has(name))) {
    rmSync(join(FOLDER, name))
  }

  for (const [name, text] of documents) {
    mkdirSync(dirname(join(FOLDER, name)), { recursive: true })
    writeFileSync(join(FOLDER, name), text)
  }

  say(`generate: ${documents.size} documents in ${relative(ROOT, FOLDER)}`)
}

/** Path below docs/ -> text, for every folder of protocols in which something is encoded. */
async function protocolDocuments () {
  const documents = new Map()

  for (const folder of readdirSync(ROOM, { withFileTypes: true }).filter(entry => entry.isDirectory()).map(({ name }) => name).sort()) {
    const exported = []

    for (const file of readdirSync(join(ROOM, folder)).filter(file => file.endsWith('.js')).sort()) {
      exported.push(...Object.values(await import(pathToFileURL(join(ROOM, folder, file)))))
    }

    const text = protoDocument(folder, exported)

    if (text != null) {
      documents.set(`protocol/${folder}.proto`, text)
    }
  }

  return documents
}

async function sandboxDocuments () {
  return [['system-calls.md', callDocument(await import(pathToFileURL(join(ROOT, 'dist', 'sandbox', 'policy.js'))))]]
}

/** What this script has written, as far as nothing else could have. */
function namesOnDisk () {
  const folder = join(FOLDER, 'protocol')

  return existsSync(folder) ? readdirSync(folder).filter(name => name.endsWith('.proto')).map(name => `protocol/${name}`) : []
}

function read (name) {
  return existsSync(join(FOLDER, name)) ? readFileSync(join(FOLDER, name), 'utf8') : undefined
}
