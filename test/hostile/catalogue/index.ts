import { FILES } from './files.ts'
import { FORGERY } from './forgery.ts'
import { INFORMATION } from './information.ts'
import { KERNEL } from './kernel.ts'
import { MEMORY } from './memory.ts'
import { OUTPUT } from './output.ts'
import { PROCESSES } from './processes.ts'
import { PROGRAMS } from './programs.ts'
import { RUNNER } from './runner.ts'
import { TIME } from './time.ts'
import type { Theme } from '../attack.ts'

export const THEMES: readonly Theme[] = [TIME, PROCESSES, MEMORY, OUTPUT, FILES, RUNNER, KERNEL, INFORMATION, FORGERY, PROGRAMS]
