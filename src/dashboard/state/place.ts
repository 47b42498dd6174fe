/** `JOB`, or `JOB.N`: its command N, counted from 0. */
export function splitPlace (text: string): { job: string, command?: number } {
  const [, job, command] = /^(.+)\.(\d{1,4})$/.exec(text) ?? []

  return job == null ? { job: text } : { job, command: Number(command) }
}

export function joinPlace (job: string, command: number | undefined): string {
  return command == null ? job : `${job}.${command}`
}
