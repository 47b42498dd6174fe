/** (job, task, worker, attempt): the key of everything that ran. */
export interface ExecutionKey {
  /** ULID of the job. */
  job: string
  /** Name of the task inside the job, e.g. the worker's peer id for a share of `--on all`. */
  task: string
  /** Peer id of the worker. */
  worker: string
  /** 0 for the first; raised only by a record of that worker or by the user, never by a timeout. */
  attempt: number
}

/** One string per execution, usable as a key in a journal or a map. */
export function executionId (key: ExecutionKey): string {
  return `${key.job}/${key.task}/${key.worker}/${key.attempt}`
}

export function parseExecutionId (id: string): ExecutionKey {
  const [job, task, worker, attempt, ...rest] = id.split('/')

  if (job == null || task == null || worker == null || attempt == null || rest.length > 0 || !/^\d{1,9}$/.test(attempt)) {
    throw new Error(`not an execution id: ${id}`)
  }

  return { job, task, worker, attempt: Number(attempt) }
}

/** 26 characters of Crockford's base 32, first one 0 to 7 (48 bits of time): https://github.com/ulid/spec */
const ULID = /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/

export function isJobId (text: string): boolean {
  return ULID.test(text)
}

/** How a job is shown to people: the last eight characters, lower case. */
export function shortJobId (id: string): string {
  return id.slice(-8).toLowerCase()
}

/** Task names travel in keys and file names, so they are kept to a safe alphabet. */
const TASK = /^[A-Za-z0-9._-]{1,100}$/

export function isTaskName (text: string): boolean {
  return TASK.test(text)
}
