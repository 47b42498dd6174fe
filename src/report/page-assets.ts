import { readFileSync } from 'node:fs'
import { MeshmarkError } from '../model/errors.ts'

/** What stands in every page, made when this program was built. */
export interface Assets {
  style: string
  script: string
}

/** Beside the compiled code; this file lies as deep below src as it does below dist and its bundle. */
const FOLDER = new URL(import.meta.url.endsWith('.ts') ? '../../dist/' : '../', import.meta.url)

let assets: Assets | undefined

/** Style and script of every report, as the build has left them. */
export function pageAssets (): Assets {
  assets ??= { style: read('report-page.css'), script: read('report-page.cjs') }

  return assets
}

function read (name: string): string {
  try {
    return readFileSync(new URL(name, FOLDER), 'utf8')
  } catch (err) {
    throw new MeshmarkError('failed', `${name} of the report is missing: build Meshmark again (node scripts/build.js)`, { cause: err })
  }
}
