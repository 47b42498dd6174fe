import { LIMIT_RULES } from '../../../model/limits.ts'
import { field, message, optional } from '../schema/message.ts'
import { uint } from '../schema/scalars.ts'
import type { Limits, SomeLimits } from '../../../model/limits.ts'

/** All of them, as they held for a run. */
export const limits = message<Limits>('Limits', {
  wallMs: field(1, uint(LIMIT_RULES.wallMs)),
  cpuMs: optional(2, uint(LIMIT_RULES.cpuMs)),
  memoryBytes: field(3, uint(LIMIT_RULES.memoryBytes)),
  processes: field(4, uint(LIMIT_RULES.processes)),
  outputBytes: field(5, uint(LIMIT_RULES.outputBytes)),
  fileBytes: field(6, uint(LIMIT_RULES.fileBytes)),
  tmpBytes: field(7, uint(LIMIT_RULES.tmpBytes)),
  tmpInodes: field(8, uint(LIMIT_RULES.tmpInodes)),
  openFiles: field(9, uint(LIMIT_RULES.openFiles))
})

/** What a job asks for, and a worker's ceilings. */
export const someLimits = message<SomeLimits>('SomeLimits', {
  wallMs: optional(1, uint(LIMIT_RULES.wallMs)),
  cpuMs: optional(2, uint(LIMIT_RULES.cpuMs)),
  memoryBytes: optional(3, uint(LIMIT_RULES.memoryBytes)),
  processes: optional(4, uint(LIMIT_RULES.processes)),
  outputBytes: optional(5, uint(LIMIT_RULES.outputBytes)),
  fileBytes: optional(6, uint(LIMIT_RULES.fileBytes)),
  tmpBytes: optional(7, uint(LIMIT_RULES.tmpBytes)),
  tmpInodes: optional(8, uint(LIMIT_RULES.tmpInodes)),
  openFiles: optional(9, uint(LIMIT_RULES.openFiles))
})
