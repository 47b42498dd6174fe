import type { Option } from 'commander'

/** `--cpu-time` is MESHMARK_CPU_TIME. */
export function environmentName (option: Option): string {
  return `MESHMARK_${optionKey(option).replaceAll('-', '_').toUpperCase()}`
}

/** The option's name in the configuration file: `cpu-time`. */
export function optionKey (option: Option): string {
  return (option.long ?? '').replace(/^--/, '')
}
