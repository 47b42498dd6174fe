import { z } from 'zod'
import { MAX_ENTRIES, MAX_LISTS, MAX_YAML_CHARS } from '../../model/map.ts'
import type { MapCommand, MapContent, MapLimits, MapList } from '../../library/map-content.ts'

/*
 * What a map file says, as JSON, key by key. How it hangs together is judged
 * where a file is read (roles/client/map-file), which names every mistake.
 */

const text = z.string().max(200_000)
const word = z.union([text, z.number(), z.boolean()]).describe('A text; numbers, true and false are taken as they are written')
const duration = z.union([z.string().max(40), z.number()])
const count = z.union([z.int(), z.string().max(20)])
const env = z.record(z.string(), word)
const files = z.union([word, z.array(word).max(10_000)]).describe("Names of the job's files; all of them lie beside every program")
const line = z.union([word, z.array(word).min(1).max(4_096)]).describe('Split as a shell would without being one, or the words')

const limits = z.strictObject({
  timeout: duration.optional(),
  'cpu-time': duration.optional(),
  memory: duration.optional(),
  processes: count.optional(),
  'output-limit': duration.optional(),
  'file-limit': duration.optional(),
  'tmp-limit': duration.optional(),
  'tmp-files': count.optional(),
  'open-files': count.optional()
} satisfies Record<keyof MapLimits, z.ZodType>).describe('Of one run')

const when = z.enum(['never', 'on-failure', 'always'])
const restart = z.union([when, z.strictObject({
  when,
  max: count.optional().describe('At most so many times'),
  backoff: duration.optional().describe('Waited before the first one, twice as long each further time'),
  'max-backoff': duration.optional()
})])

const command = z.strictObject({
  run: line,
  shell: z.boolean().optional().describe('Hand the line to sh -c'),
  name: word.optional().describe('Shown instead of the line'),
  env: env.optional(),
  with: files.optional(),
  stdin: word.optional().describe("One of the job's files, read as its standard input"),
  restart: restart.optional(),
  limits: limits.optional()
} satisfies Record<keyof MapCommand, z.ZodType>)

const list = z.strictObject({
  on: z.union([text, z.array(text).max(MAX_LISTS)]).optional().describe("'all', or names and peer ids: 'lab-[1-4],pi'"),
  where: z.union([text, z.array(text).max(64)]).optional().describe("Instead of on: all workers like this, 'arch=arm64,cores=8..'"),
  'keep-going': z.boolean().optional().describe('Go on after a command that failed in the end'),
  commands: z.array(z.union([line, command])).min(1).max(MAX_ENTRIES).describe('Done one after the other')
} satisfies Record<keyof MapList, z.ZodType>)

export const mapContent = z.strictObject({
  name: word.optional().describe('To find the job by'),
  'report-every': duration.optional().describe('A worker says at least this often that its command still runs: 1s to 1h'),
  env: env.optional(),
  limits: limits.optional(),
  restart: restart.optional(),
  with: files.optional(),
  lists: z.array(list).min(1).max(MAX_LISTS).describe('One for each worker, or for each group that does the same')
} satisfies Record<keyof MapContent, z.ZodType>).meta({ id: 'Map' })

export const mapText = z.strictObject({ yaml: z.string().max(MAX_YAML_CHARS).describe('A map file') })
