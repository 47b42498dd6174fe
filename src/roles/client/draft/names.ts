import { MeshmarkError } from '../../../model/errors.ts'
import { isJobId } from '../../../model/ids.ts'
import type { JobOptions } from './job-options.ts'

/** Throws `usage` for an id or a name that no job can have. */
export function checkNames ({ id, name }: Pick<JobOptions, 'id' | 'name'>): void {
  if (id != null && !isJobId(id)) {
    throw new MeshmarkError('usage', `--id '${id}' is not a ULID: 26 characters of 0-9 and A-Z without I, L, O and U`)
  }

  // What `attach`, `show` and `cancel` take must be unmistakable: @last is a selector, a space ends a word.
  if (name != null && !/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(name)) {
    throw new MeshmarkError('usage', `--name '${name}' must be at most 64 letters, digits, dots, dashes or underscores`)
  }
}
