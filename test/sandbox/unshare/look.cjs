/** In the place of the runner: process 1 of a box tells on the control descriptor what it finds. */
const fs = require('node:fs')
const os = require('node:os')
const { join } = require('node:path')

const read = path => fs.readFileSync(path, 'latin1')
const field = (path, name) => new RegExp(`^${name}:\\s*(.*)$`, 'm').exec(read(path))?.[1]

function attempt (action) {
  try {
    action()
    return 'allowed'
  } catch (err) {
    return err.code
  }
}

function kind (stats) {
  return ['isFile', 'isDirectory', 'isSymbolicLink', 'isCharacterDevice', 'isSocket', 'isFIFO'].find(name => stats[name]())
}

function entry (path) {
  const stats = fs.lstatSync(path)

  return [path, kind(stats), stats.isSymbolicLink() ? fs.readlinkSync(path) : (stats.mode & 0o7777).toString(8), stats.uid, stats.gid, stats.rdev]
}

function tree (path) {
  return [entry(path), ...fs.lstatSync(path).isDirectory() ? fs.readdirSync(path).sort().flatMap(name => tree(join(path, name))) : []]
}

/** Those that the plan or the builder gave; Node has others of its own. */
function isGiven (fd) {
  try {
    return fd <= 3 || !/^(anon_inode|pipe|\/proc\/|\/dev\/null$)/.test(fs.readlinkSync(`/proc/self/fd/${fd}`))
  } catch {
    return false
  }
}

const umask = process.umask(0o22)

fs.writeSync(3, JSON.stringify({
  mounts: read('/proc/self/mountinfo').trim().split('\n').map(line => {
    const [left, right] = line.split(' - ')
    const [, , , root, point, options] = left.split(' ')
    const [type, source] = right.split(' ')

    return { root, point, options, type, source: type === 'tmpfs' ? '' : source }
  }),
  status: Object.fromEntries(['Uid', 'Gid', 'CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb', 'NoNewPrivs', 'SigBlk', 'SigIgn', 'NSpid'].map(name => [name, field('/proc/self/status', name)])),
  threads: fs.readdirSync('/proc/self/task').map(tid => field(`/proc/self/task/${tid}/status`, 'CapPrm')),
  uids: ['uid_map', 'gid_map'].map(name => read(`/proc/self/${name}`).trim().split('\n').map(line => line.trim().split(/\s+/)[0])),
  processes: fs.readdirSync('/proc').filter(name => /^\d+$/.test(name)),
  root: fs.readdirSync('/').sort().map(name => entry(join('/', name))),
  dev: tree('/dev'),
  etc: fs.readdirSync('/etc').sort().map(name => entry(join('/etc', name))),
  box: tree('/box'),
  hostname: os.hostname(),
  interfaces: os.networkInterfaces(),
  links: read('/proc/net/dev').split('\n').slice(2, -1).map(line => line.trim().split(':')[0]),
  cwd: process.cwd(),
  umask,
  environ: read('/proc/1/environ').split('\0').slice(0, -1),
  cmdline: read('/proc/1/cmdline').split('\0').slice(0, -1),
  descriptors: fs.readdirSync('/proc/self/fd').map(Number).filter(isGiven),
  limits: read('/proc/self/limits'),
  /** Parent, process group, session, terminal: proc(5). */
  session: read('/proc/self/stat').replace(/^.*\) /, '').split(' ').slice(1, 5),
  namespaces: Object.fromEntries(['user', 'mnt', 'pid', 'net', 'ipc', 'uts', 'cgroup'].map(name => [name, fs.readlinkSync(`/proc/self/ns/${name}`)])),
  attempts: Object.fromEntries([
    ...['/x', '/usr/x', '/etc/passwd', '/box/runner.cjs', '/work/x', '/tmp/x', '/dev/x', '/dev/shm/x', '/proc/sys/kernel/hostname'].map(path => [path, attempt(() => fs.writeFileSync(path, 'x'))]),
    ['/dev/null', attempt(() => fs.writeFileSync('/dev/null', 'x'))],
    ['/dev/ptmx', attempt(() => fs.closeSync(fs.openSync('/dev/ptmx', 'r+')))]
  ])
}))
