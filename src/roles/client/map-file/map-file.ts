import type { ProgramWord } from '../draft/command-words.ts'
import type { SomeLimits } from '../../../model/limits.ts'
import type { Selector } from '../../../model/placement.ts'
import type { RestartRule } from '../../../model/restart.ts'
import type { Place } from './yaml-reader.ts'

/** A file of this size has more commands than a map may. */
export const MAX_MAP_FILE_BYTES = 16 * 1024 * 1024

/** Something that names a file of this machine, and where it stands. */
export interface FileWord {
  text: string
  at: Place
}

/** A map as it is written, before any other file has been looked at. */
export interface MapFile {
  name?: string
  env: Record<string, string>
  limits: SomeLimits
  reportMs?: number
  with: FileWord[]
  lists: MapFileList[]
}

export interface MapFileList {
  /** Names or peer ids; absent = all that `where` fits. */
  workers?: string[]
  where: Selector[]
  keepGoing: boolean
  commands: MapFileCommand[]
}

export interface MapFileCommand {
  argv: string[]
  program: ProgramWord
  name?: string
  env?: Record<string, string>
  limits?: SomeLimits
  with: FileWord[]
  stdin?: FileWord
  restart?: RestartRule
  /** The line itself. */
  at: Place
}

/** What holds for a command that does not say otherwise. */
export type Defaults = Pick<MapFileCommand, 'restart'>
