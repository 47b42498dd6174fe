import { readdirSync, readFileSync } from 'node:fs'
import fc from 'fast-check'
import protobuf from 'protobufjs'
import { describe, expect, it } from 'vitest'
import { PROTOCOLS, ROWS } from './rows.ts'
import type { Type } from 'protobufjs'

const FOLDER = new URL('../../../docs/protocol/', import.meta.url)

/** Where a row of ours is described, and under which name. */
const KEPT: Record<string, [folder: string, message: string]> = {
  job: ['model', 'Job'],
  result: ['model', 'ExecutionResult'],
  membership: ['sealed', 'Membership'],
  ticket: ['sealed', 'Ticket']
}

/** A folder may hold several protocols: masters-beat, masters-ask. */
function folderOf (protocol: string): string {
  return protocol.split('-')[0] ?? protocol
}

function document (folder: string): string {
  return readFileSync(new URL(`${folder}.proto`, FOLDER), 'utf8')
}

function typeOf (row: string): Type {
  const [protocol = '', direction] = row.split(' ')
  const [file, message] = KEPT[row] ?? [folderOf(protocol), spoken(protocol, direction ?? '')]

  // proto3 packs numbers, which the library knows only once everything is resolved.
  return protobuf.parse(document(file), { keepCase: true }).root.resolveAll().lookupType(`meshmark.${file}.${message}`)
}

/** The document itself says which message travels in which direction. */
function spoken (protocol: string, direction: string): string {
  const [, request, reply] = new RegExp(`/${protocol}/\\d\\.0\\.0: who opens a stream says (\\w+), who answers it says (\\w+)\\.`).exec(document(folderOf(protocol))) ?? []

  return (direction === 'request' ? request : reply) ?? ''
}

describe('what the documents say', () => {
  it('is there for every protocol', () => {
    expect(readdirSync(FOLDER)).toEqual(expect.arrayContaining(Object.keys(PROTOCOLS).map(name => `${folderOf(name)}.proto`)))
  })

  // Another implementation that knows a field by another number or type, or not at all, would lose it on the way.
  it.each(ROWS)('is enough to read and to write a $name', ({ name, codec, message }) => {
    const type = typeOf(name)

    fc.assert(fc.property(message, value => {
      const bytes = codec.encode(value).subarray()
      const again = type.encode(type.decode(bytes)).finish()

      expect(codec.decode(again)).toEqual(value)
    }), { numRuns: 100 })
  })
})
