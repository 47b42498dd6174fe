import { z } from 'zod'
import { PLAN_PARTS } from '../../model/job-plan.ts'

const worker = z.looseObject({
  worker: z.string().describe('Peer id'),
  name: z.string(),
  part: z.enum(PLAN_PARTS).describe('at-once: it would be given something of it now (where several may do a task, whoever answers first has it); later: when what the reason says is over; refused: it is chosen and must not do it; none: nothing of the job is for it'),
  reason: z.string().optional().describe('Why not at once, or not at all'),
  tasks: z.int().optional().describe('For it and nobody else; absent where tasks are for whoever is free'),
  limits: z.looseObject({ wallMs: z.int(), memoryBytes: z.int() }).optional().describe('What holds there for one run')
})

const payload = z.looseObject({
  id: z.string(),
  name: z.string().optional().describe('Of a data set, or of the file of a variant'),
  files: z.int(),
  bytes: z.int(),
  isThere: z.boolean().describe('The master has it: nothing of it would be sent')
})

export const plan = z.looseObject({
  kind: z.enum(['run', 'exec']),
  tasks: z.int(),
  workers: z.array(worker),
  payloads: z.array(payload),
  ahead: z.int().describe('Queued tasks of this token that go first'),
  existing: z.boolean().describe('This very job was accepted before: nothing would be started anew'),
  plan: z.looseObject({ kind: z.enum(['fixed', 'precision', 'once']) }).describe('How often each command is run'),
  quietMs: z.number().optional(),
  retry: z.looseObject({ when: z.string(), max: z.int().optional() }).optional(),
  priority: z.int().optional(),
  deadlineMs: z.number().optional(),
  retryLostMs: z.number().optional(),
  hints: z.array(z.string())
}).meta({ id: 'Plan' })
