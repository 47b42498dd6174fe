import type { FullResults } from '../../report/full.ts'

/** The data as plain files: without this the links save them as they are, compressed. */
export function setUpDownloads (): void {
  for (const link of document.querySelectorAll<HTMLAnchorElement>('a[data-name]')) {
    link.addEventListener('click', event => {
      event.preventDefault()
      void textOf(link).then(text => { save(link.dataset.name ?? 'data', text) })
    })
  }

  const json = document.querySelector<HTMLAnchorElement>('#data-json')

  document.querySelector('#data-runs')?.addEventListener('click', () => {
    if (json != null) {
      void textOf(json).then(text => { save((json.dataset.name ?? 'data.json').replace(/\.json$/, '-runs.csv'), runsCsv(JSON.parse(text))) })
    }
  })
}

async function textOf (link: HTMLAnchorElement): Promise<string> {
  const base64 = document.getElementById(link.id.replace('data-', 'held-'))?.textContent ?? link.href.slice(link.href.indexOf(',') + 1)
  const bytes = Uint8Array.from(atob(base64), character => character.charCodeAt(0))

  return await new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream('gzip'))).text()
}

function save (name: string, text: string): void {
  const url = URL.createObjectURL(new Blob([text], { type: name.endsWith('.json') ? 'application/json' : 'text/csv' }))
  const link = document.createElement('a')

  link.href = url
  link.download = name
  link.click()
  // the browser reads it a moment later
  setTimeout(() => { URL.revokeObjectURL(url) }, 60_000)
}

const HEADS = ['worker', 'command', 'run', 'start_ns', 'wall_ns', 'cpu_ns', 'user_ns', 'system_ns', 'memory_bytes', 'exit', 'limit']

/** A line for each run, in the order in which they were measured. */
function runsCsv ({ workers }: FullResults): string {
  const lines = workers.flatMap(({ info, result }) => (result?.commands ?? []).flatMap(({ title, samples }) => samples.map(sample =>
    [info.name, title, sample.run + 1, sample.startNs, sample.wallNs, sample.cpuNs, sample.userNs, sample.systemNs, sample.memoryBytes ?? '', sample.exit.kind === 'code' ? sample.exit.code : sample.exit.signal, sample.limit ?? ''])))

  return [HEADS, ...lines].map(fields => fields.map(field).join(',')).join('\r\n') + '\r\n'
}

/** A spreadsheet must not take a name for a formula. */
function field (value: string | number): string {
  const text = typeof value === 'string' && /^[=+\-@\t\r]/.test(value) ? `'${value}` : String(value)

  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
