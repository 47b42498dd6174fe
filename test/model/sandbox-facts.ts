import type { SandboxFacts } from '../../src/model/machine.ts'

/** Of a worker that has everything. */
export const FULL_SANDBOX: SandboxFacts = {
  builder: 'bubblewrap',
  builderVersion: '0.8.0',
  namespaces: ['user', 'mnt', 'pid', 'net', 'ipc', 'uts', 'cgroup'],
  filterHash: 'ab12cd34'.repeat(8),
  uidMode: 'two-uids',
  cgroup: 'v2',
  methods: { cpu: 'cgroup-v2', memory: 'cgroup-v2-peak', processes: 'cgroup-v2' },
  bounds: { memory: true, processes: true },
  proc: true,
  kernel: '6.12.0',
  canaries: { network: 'ENETUNREACH', 'become root': 'EPERM' },
  caveats: []
}

/** Of one that has nothing but what every worker has. */
export const LEAST_SANDBOX: SandboxFacts = {
  builder: 'bubblewrap',
  builderVersion: '0.8.0',
  namespaces: [],
  filterHash: '',
  uidMode: 'shared',
  cgroup: 'none',
  methods: { cpu: 'rusage', memory: 'adopted-maxrss', processes: 'rlimit' },
  proc: true,
  kernel: '6',
  canaries: {},
  caveats: []
}
