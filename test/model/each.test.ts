import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { argvFor, itemOf, itemTasks } from '../../src/model/each.ts'

describe('items of a job', () => {
  it('has a task for each item, by its number from 1 on', () => {
    const items = ['a', '', 'c']
    const job = { each: { items } }

    expect(itemTasks(items.length)).toEqual(['1', '2', '3'])
    expect(itemTasks(items.length).map(task => itemOf(job, task))).toEqual(items)
  })

  it.each(['0', '4', '01', '-1', '1.0', '1e0', 'any', '', ' 1', '9999999999'])('refuses task %j of three items', task => {
    expect(() => itemOf({ each: { items: ['a', 'b', 'c'] } }, task)).toThrow(`task ${task} names none of the job's 3 items`)
  })

  it('has no item for a task of a job without items', () => {
    expect(itemOf({}, 'any')).toBeUndefined()
  })

  it('puts the item in every place of every word', () => {
    expect(argvFor({ argv: ['cp', '{}', 'to/{}.{}'] }, 'a b')).toEqual(['cp', 'a b', 'to/a b.a b'])
  })

  it('appends the item where it has no place', () => {
    expect(argvFor({ argv: ['echo', 'is'] }, 'x')).toEqual(['echo', 'is', 'x'])
    expect(argvFor({ argv: ['echo'] }, '')).toEqual(['echo', ''])
  })

  it('leaves the words alone when there is no item', () => {
    expect(argvFor({ argv: ['find', '{}'] }, undefined)).toEqual(['find', '{}'])
  })

  it('takes an item as it is, whatever is in it', () => {
    fc.assert(fc.property(fc.string(), fc.string(), fc.string(), (before, after, item) => {
      fc.pre(!`${before}${after}`.includes('{}') && !`${before}|${after}`.includes('{}'))
      expect(argvFor({ argv: ['p', `${before}{}${after}`] }, item)[1]).toBe(before + item + after)
    }), { examples: [['', '', '$&'], ['', '', '$1'], ['', '', '{}']] })
  })

  it('never changes which program is called', () => {
    expect(argvFor({ argv: ['{}'] }, 'rm')).toEqual(['{}', 'rm'])
  })
})
