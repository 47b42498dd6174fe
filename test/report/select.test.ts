import { describe, expect, it } from 'vitest'
import { renderJson } from '../../src/report/json.ts'
import { onlyWorker, withWorkers } from '../../src/report/select.ts'
import { finished, worker } from './fixtures.ts'

const runs = [[40, 41, 42]]
const job = finished([{ name: 'lab-01', cpu: 'A', runs }, { name: 'lab-02', cpu: 'B', runs }], {}, { startSkewNs: 400_000 })

describe('one worker of a job', () => {
  it('is found by its name or by its peer id, and is then the only one', () => {
    const one = onlyWorker(job, 'lab-02')

    expect(one.workers).toEqual([job.workers[1]])
    expect(one.job).toBe(job.job)
    expect(one).not.toHaveProperty('startSkewNs')
    expect(onlyWorker(job, '12D3KooW-lab-01').workers).toEqual([job.workers[0]])
    expect(job.workers).toHaveLength(2)
  })

  it("is exported as hyperfine would: no worker's name in the command, none among the parameters", () => {
    const [one] = JSON.parse(renderJson(onlyWorker(job, 'lab-01'))).results

    expect(one.command).toBe('primes 200000')
    expect(one).not.toHaveProperty('parameters')
    expect(JSON.parse(renderJson(job)).results[0]).toMatchObject({ command: 'primes 200000 [lab-01]', parameters: { worker: 'lab-01' } })
  })

  it('is an error when there is none, or when several have the name', () => {
    const twins = { ...job, workers: ['a', 'b'].map(id => withWorkers(job, [{ ...worker({ name: 'pi', cpu: 'A', runs }), info: { ...worker({ name: 'pi', cpu: 'A', runs }).info, peerId: id } }]).workers[0]!) }

    expect(() => onlyWorker(job, 'lab-03')).toThrow("--worker 'lab-03' has no part in this job: these have: lab-01, lab-02")
    expect(() => onlyWorker({ ...job, workers: [] }, 'x')).toThrow('no worker has')
    expect(() => onlyWorker(twins, 'pi')).toThrow("'pi' is the name of 2 workers of this job: name one by its peer id, a or b")
    expect(onlyWorker(twins, 'b').workers[0]?.info.peerId).toBe('b')
  })
})
