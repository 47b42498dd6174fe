import { parseExecutionId } from '../../model/ids.ts'
import { OutputFolder } from '../files/output-folder.ts'
import { safeName, workerFiles } from '../files/worker-files.ts'
import type { OutputEvent } from './follow.ts'
import type { MapState } from '../progress/map-state.ts'

/** Leaves room for the number, the attempt and the stream. */
const MAX_TITLE_BYTES = 60

/**
 * What the commands of a map print, in files of their own:
 * `WORKER/2-NAME.stdout` of the first run of its second command,
 * `WORKER/2-NAME.3.stdout` of the third one, after two restarts.
 */
export class MapOutput {
  readonly #folder: OutputFolder
  readonly #state: MapState
  /** Folder of each worker. */
  readonly #workers = new Map<string, string>()

  private constructor (folder: OutputFolder, state: MapState) {
    this.#folder = folder
    this.#state = state

    const workers = [...state.workers.values()]
    const folders = workerFiles('{worker}', workers)

    workers.forEach(({ peerId }, index) => { this.#workers.set(peerId, folders[index] ?? peerId) })
  }

  /** @param state - that has begun: its workers are known */
  static async open (dir: string, state: MapState): Promise<MapOutput> {
    return new MapOutput(await OutputFolder.open(dir, state.jobId), state)
  }

  async take ({ execution, task, stream, offset, data }: OutputEvent): Promise<void> {
    const path = this.pathOf(task, parseExecutionId(execution).attempt)

    if (path != null) {
      await this.#folder.write(`${path}.${stream}`, offset, data)
    }
  }

  /** Without the stream; undefined for a task that the map does not have. */
  pathOf (task: string, attempt: number): string | undefined {
    const known = this.#state.entryOf(task)
    const worker = known && this.#workers.get(known.worker.peerId)

    if (known == null || worker == null) {
      return undefined
    }

    const { entry: { number, title }, worker: { entries } } = known
    const padded = String(number).padStart(String(entries.length).length, '0')

    return `${worker}/${padded}-${safeName(title, 'command', MAX_TITLE_BYTES)}${attempt === 0 ? '' : `.${attempt + 1}`}`
  }

  async close (): Promise<void> {
    await this.#folder.close()
  }
}
