import './fail-on-rejection.ts'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { MeshmarkError } from '../../src/model/errors.ts'
import { request } from '../../src/node/request.ts'
import { TestMesh, firstAddress, nextEvent, testProtocol } from './mesh.ts'

const echo = testProtocol('echo')

let mesh: TestMesh

beforeEach(async () => { mesh = await TestMesh.create() })
afterEach(async () => { await mesh.stop() })

describe('a node', () => {
  it('connects, says hello both ways and asks one question', async () => {
    const master = await mesh.node(['master'])
    const client = await mesh.node(['client', 'admin'], { as: { name: 'anna' } })
    const heard = nextEvent(master, 'peer')

    master.handle(echo, async (channel, peer) => {
      await channel.send({ ...await channel.receive(), from: peer.name })
    })

    const peer = await client.connect(firstAddress(master))

    expect(peer).toMatchObject({ id: master.peerId, name: 'master', stranger: false })
    expect([...peer.roles]).toEqual(['master'])
    expect(await heard).toMatchObject({ id: client.peerId, name: 'anna', stranger: false })
    expect(await request(client, master.peerId, echo, { a: 1 })).toEqual({ a: 1, from: 'anna' })
  })
})
