import { toError } from './errors.ts'

const REASONS: Record<string, string> = {
  EACCES: 'this user may not',
  EDQUOT: 'the quota of this user is used up',
  EEXIST: 'there is a file in its place',
  EFBIG: 'the file system takes no file as large as that',
  EINVAL: 'the file system does not take it',
  EIO: 'the disk reports an error',
  EISDIR: 'it is a folder',
  ELOOP: 'it is a link',
  EMFILE: 'too many files are open',
  ENAMETOOLONG: 'its name is too long',
  ENOENT: 'there is no such file or folder',
  ENOSPC: 'the disk is full',
  ENOTDIR: 'a part of it is no folder',
  ENXIO: 'it is a pipe',
  EPERM: 'this user may not',
  EROFS: 'the file system is read-only'
}

/** What the system said of a file, in words for one line; what else was thrown in its own. */
export function systemReason (err: unknown): string {
  const { code = '' } = err as NodeJS.ErrnoException

  return REASONS[code] ?? toError(err).message
}
