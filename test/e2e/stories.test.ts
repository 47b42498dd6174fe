import { mkdtemp } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { TestMesh } from './mesh.ts'
import { follow } from './readme.ts'

const EXAMPLES = join(import.meta.dirname, '../../examples')

/** What each kind of user wants to do, as its README tells it. */
const STORIES = ['measure', 'any-free', 'any-machine', 'map', 'functions']

describe('the README of an example, word for word', () => {
  let mesh: TestMesh

  beforeAll(async () => {
    mesh = await TestMesh.create()
    await mesh.master()
    await mesh.master('second')
    await Promise.all([mesh.worker('lab-1'), mesh.worker('lab-2'), mesh.worker('lab-3')])
  })

  afterAll(async () => { await mesh.close() })

  it.each(STORIES)('%s', async story => {
    const dir = await mkdtemp(join(mesh.dir, 'story-'))

    expect(await follow(join(EXAMPLES, story, 'README.md'), dir, mesh.env)).toBeGreaterThan(2)
  })
})
