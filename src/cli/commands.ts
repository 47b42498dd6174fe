import type { Command } from 'commander'
import type { Context } from './common/context.ts'

/** One command: what the overview says of it, and where its options and action are. */
export interface CommandEntry {
  name: string
  /** What follows the name, for the overview. */
  usage: string
  summary: string
  group: 'Measure and hand out' | 'Look and steer' | 'Be a node' | 'Operate'
  /** Loaded only when the command is used. */
  load: () => Promise<{ define: (command: Command, context: Context) => void }>
}

/** Every command there is; overview, dispatch, completion and configuration read it from here. */
export const COMMANDS: readonly CommandEntry[] = [
  { name: 'run', usage: '[options] CMD [ARG…]', summary: 'measure a program on every worker, side by side', group: 'Measure and hand out', load: () => import('./run.ts') },
  { name: 'compare', usage: "[options] 'OLD ARG…' 'NEW ARG…'", summary: 'is the new one faster or slower, on every worker?', group: 'Measure and hand out', load: () => import('./compare.ts') },
  { name: 'exec', usage: '[options] CMD [ARG…]', summary: 'run it once on a free worker, as if it ran here', group: 'Measure and hand out', load: () => import('./exec.ts') },
  { name: 'map', usage: '[options] FILE.yaml', summary: 'each worker its own list of commands', group: 'Measure and hand out', load: () => import('./map.ts') },
  { name: 'nodes', usage: '', summary: 'masters and workers, and what they do', group: 'Look and steer', load: () => import('./nodes.ts') },
  { name: 'jobs', usage: '', summary: 'jobs, newest first', group: 'Look and steer', load: () => import('./jobs.ts') },
  { name: 'show', usage: 'JOB', summary: 'the results of a job, as often as you like', group: 'Look and steer', load: () => import('./show.ts') },
  { name: 'attach', usage: 'JOB', summary: 'follow a job to its end', group: 'Look and steer', load: () => import('./attach.ts') },
  { name: 'logs', usage: 'JOB', summary: 'what its programs printed', group: 'Look and steer', load: () => import('./logs.ts') },
  { name: 'collect', usage: 'JOB [DIR]', summary: 'the files that its tasks brought back', group: 'Look and steer', load: () => import('./collect.ts') },
  { name: 'cancel', usage: 'JOB', summary: 'stop a job on every worker', group: 'Look and steer', load: () => import('./cancel.ts') },
  { name: 'dashboard', usage: '[--open]', summary: 'a link that signs in to the page of a master', group: 'Look and steer', load: () => import('./dashboard.ts') },
  { name: 'profile', usage: '[--since 10m]', summary: 'what the workers did, and how busy they were', group: 'Look and steer', load: () => import('./profile.ts') },
  { name: 'plot', usage: 'JOB… -o FILE.svg', summary: 'a picture of a job, or of what the workers did', group: 'Look and steer', load: () => import('./plot.ts') },
  { name: 'baseline', usage: 'ls|show|rm', summary: 'commands that were kept to compare others with', group: 'Look and steer', load: () => import('./baseline.ts') },
  { name: 'up', usage: '[--workers N]', summary: 'a local mesh in this terminal, for trying', group: 'Be a node', load: () => import('./up.ts') },
  { name: 'master', usage: '', summary: 'keep the registry and the jobs of a mesh', group: 'Be a node', load: () => import('./master.ts') },
  { name: 'worker', usage: '', summary: 'run programs for a mesh (Linux)', group: 'Be a node', load: () => import('./worker.ts') },
  { name: 'join', usage: 'TOKEN@HOST', summary: 'earn a membership and keep it on this machine', group: 'Be a node', load: () => import('./join.ts') },
  { name: 'token', usage: 'create|ls|revoke', summary: 'join tokens', group: 'Operate', load: () => import('./token.ts') },
  { name: 'drain', usage: 'NODE', summary: 'give a worker nothing new', group: 'Operate', load: () => import('./drain.ts') },
  { name: 'doctor', usage: '', summary: 'what this machine lacks, and how to mend it', group: 'Operate', load: () => import('./doctor.ts') },
  { name: 'load', usage: '[--clients N] CMD [ARG…]', summary: 'many clients at once, and how much the mesh does', group: 'Operate', load: () => import('./load.ts') },
  { name: 'completion', usage: 'bash|zsh|fish', summary: 'completion for your shell', group: 'Operate', load: () => import('./completion.ts') },
  { name: 'version', usage: '', summary: 'versions of Meshmark and of what it runs on', group: 'Operate', load: () => import('./version.ts') }
]
