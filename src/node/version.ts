import { readFileSync } from 'node:fs'
import { MeshmarkError } from '../model/errors.ts'

/** Our own version, from the package.json above this file: works from src, from dist and from a bundle. */
export const VERSION = readVersion(new URL('.', import.meta.url))

function readVersion (folder: URL): string {
  try {
    const { name, version } = JSON.parse(readFileSync(new URL('package.json', folder), 'utf8'))

    if (name === 'meshmark' && typeof version === 'string') {
      return version
    }
  } catch (err: any) {
    if (err.code !== 'ENOENT') {
      throw err
    }
  }

  const parent = new URL('..', folder)

  if (parent.href === folder.href) {
    throw new MeshmarkError('failed', `no package.json of meshmark above ${import.meta.url}`)
  }

  return readVersion(parent)
}

const SEMVER = /^(\d{1,6})\.(\d{1,6})\.\d{1,6}(?:[-+][0-9A-Za-z.+-]{1,64})?$/

/** Same major and minors at most one apart work together; 0.x counts the same way. Anything that is no version works with nothing. */
export function isCompatible (a: string, b: string): boolean {
  const [, majorA, minorA] = SEMVER.exec(a) ?? []
  const [, majorB, minorB] = SEMVER.exec(b) ?? []

  return majorA != null && majorA === majorB && Math.abs(Number(minorA) - Number(minorB)) <= 1
}
