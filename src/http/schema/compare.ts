import { z } from 'zod'
import { METRICS } from '../../model/comparison.ts'

const metric = z.enum(METRICS)
const millis = z.number().describe('Milliseconds since 1970')
const value = z.number().describe('Nanoseconds, or bytes of memory')
const interval = z.looseObject({ low: z.number(), high: z.number() }).describe('95 %')
const named = z.looseObject({ job: z.string(), label: z.string() })

const side = z.looseObject({
  text: z.string().describe('As the command line writes it, or why there is nothing'),
  command: z.string(),
  median: value.optional(),
  runs: z.int()
})

export const compared = z.looseObject({
  kind: z.enum(['pairs', 'commands', 'sessions']).describe('Only pairs of runs come to a verdict'),
  metric,
  base: named,
  other: named,
  margin: z.number().optional().describe('Of pairs: differences within it count as none'),
  lines: z.array(z.looseObject({
    worker: z.string(),
    isSum: z.boolean().describe('What all machines say together'),
    base: side.optional(),
    other: side.optional(),
    ratio: z.number().optional().describe('The other by the base'),
    interval: interval.optional(),
    ratioText: z.string(),
    verdict: z.enum(['faster', 'slower', 'equivalent', 'undecided']).optional(),
    verdictText: z.string().optional(),
    reason: z.string().optional().describe('Why there is no ratio')
  })),
  remarks: z.array(z.string()).describe('What it comes to, and what it is worth')
}).meta({ id: 'Compared' })

export const history = z.looseObject({
  name: z.string(),
  metric,
  jobs: z.array(z.looseObject({ id: z.string(), title: z.string(), acceptedAt: millis })).describe('The oldest first'),
  lines: z.array(z.looseObject({
    worker: z.string(),
    peerId: z.string(),
    command: z.string(),
    points: z.array(z.looseObject({
      job: z.string(),
      at: millis,
      runs: z.int(),
      median: value.optional(),
      interval: interval.optional(),
      noise: z.enum(['A', 'B', 'C', 'D']).optional(),
      problem: z.string().optional().describe('Why there is no median')
    }))
  }))
}).meta({ id: 'History' })
