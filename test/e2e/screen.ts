import { spawn } from 'node:child_process'
import { once } from 'node:events'

/** What a terminal shows of what was written to it: as far as progress moves, by line feeds, returns, cursor up and erase below. */
export class Screen {
  #rows = ['']
  #row = 0
  #column = 0
  /** Whatever was visible at the time of an erasure, and at the end. */
  readonly frames: string[] = []

  write (text: string): void {
    // eslint-disable-next-line no-control-regex
    for (const [token] of text.matchAll(/\x1b\[[\d;?]*[A-Za-z]|[\r\n]|[^\x1b\r\n]+/g)) {
      this.#take(token)
    }

    this.frames.push(this.text)
  }

  get text (): string {
    return this.#rows.join('\n')
  }

  #take (token: string): void {
    if (token === '\r') {
      this.#column = 0
    } else if (token === '\n') {
      this.#row++
      this.#rows[this.#row] ??= ''
    } else if (token.startsWith('\x1b[') && token.endsWith('A')) {
      this.#row = Math.max(0, this.#row - Number(token.slice(2, -1)))
    } else if (token === '\x1b[J') {
      this.frames.push(this.text)
      this.#rows.length = this.#row + 1
      this.#rows[this.#row] = this.#rows[this.#row]!.slice(0, this.#column)
    } else if (token.startsWith('\x1b')) {
      throw new Error(`a screen that knows no ${JSON.stringify(token)}`)
    } else {
      this.#rows[this.#row] = this.#rows[this.#row]!.slice(0, this.#column).padEnd(this.#column) + token
      this.#column += token.length
    }
  }
}

/** A command line with a terminal of its own as all three of its streams: `script` of util-linux makes one. */
export async function onTerminal (command: string[], { columns, rows, ...options }: { columns: number, rows: number, env: NodeJS.ProcessEnv, cwd: string }): Promise<{ code: number | null, screen: Screen }> {
  const line = command.map(word => `'${word.replaceAll("'", "'\\''")}'`).join(' ')
  const child = spawn('script', ['-qec', `stty cols ${columns} rows ${rows}; exec ${line}`, '/dev/null'], { ...options, stdio: ['ignore', 'pipe', 'inherit'] })
  const chunks: Buffer[] = []

  child.stdout.on('data', data => { chunks.push(data) })

  const [code] = await once(child, 'close') as [number | null]
  const screen = new Screen()

  screen.write(Buffer.concat(chunks).toString())

  return { code, screen }
}
