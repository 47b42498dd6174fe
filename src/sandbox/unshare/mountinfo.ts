import { MS_NODEV, MS_NOEXEC, MS_NOSUID, MS_RDONLY } from '../native/libc.ts'

/** Options that a remount must name again: else it would clear them, which the kernel refuses where they are somebody else's. It keeps those of access times. */
const FLAGS: Record<string, number> = { ro: MS_RDONLY, nosuid: MS_NOSUID, nodev: MS_NODEV, noexec: MS_NOEXEC }

/** Mount points with their present flags of mount(2). proc(5): the fifth field is the point, with three digits for what separates fields, the sixth the options. */
export function parseMounts (mountinfo: string): { point: string, flags: number }[] {
  return mountinfo.split('\n').filter(line => line !== '').map(line => {
    const [, , , , point = '', options = ''] = line.split(' ')

    return {
      point: Buffer.from(point.replace(/\\(\d{3})/g, (_, digits: string) => String.fromCharCode(parseInt(digits, 8))), 'latin1').toString('utf8'),
      flags: options.split(',').reduce((flags, option) => flags | (FLAGS[option] ?? 0), 0)
    }
  })
}
