import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { BOX_UID, RUNNER_UID } from './layout.ts'
import type { ChildProcess } from 'node:child_process'
import type { UidMaps } from './uid-maps.ts'
import type { User } from './user.ts'

/**
 * What stays root when a worker gives it up: a shell that can do three things
 * and only for this worker. It writes the one map of uids that boxes have, into
 * processes of the worker's user; it empties the machine's file cache, if the
 * worker was started so; and when the worker has gone, however it
 * went, it ends what was left of its last boxes and removes the worker's
 * control groups, whose parents are root's.
 * Builtins only, but for rmdir, sleep and sync.
 */
const SCRIPT = `
uid=$1 gid=$2 second=$3 secondgid=$4 cold=$5
shift 5
trap '' INT TERM HUP QUIT
mapped=
# With its pid it names a process for ever: the 20th word behind its name.
start_of() {
  start= words=0
  read -r stat < "/proc/$1/stat" || return
  for word in \${stat##*) }; do
    words=$((words + 1))
    if [ $words = 20 ]; then start=$word; fi
  done
}
while read -r pid; do
  answer=no
  case $pid in
    cold)
      # What was not written yet is not dropped.
      if [ "$cold" = yes ] && sync && echo 3 > /proc/sys/vm/drop_caches; then answer=yes; fi 2> /dev/null ;;
    ''|*[!0-9]*) ;;
    *)
      owner=
      while read -r name real rest; do
        if [ "$name" = Uid: ]; then owner=$real; fi
      done < "/proc/$pid/status"
      if [ "$owner" = "$uid" ] &&
        printf '${RUNNER_UID} %s 1\\n${BOX_UID} %s 1\\n' "$uid" "$second" > "/proc/$pid/uid_map" &&
        printf '${RUNNER_UID} %s 1\\n${BOX_UID} %s 1\\n' "$gid" "$secondgid" > "/proc/$pid/gid_map"
      then
        answer=yes
        start_of "$pid"
        previous=\${mapped%% *}
        mapped="$pid:$start $previous"
      fi ;;
  esac 2> /dev/null
  echo $answer
done
exec 1>&-
# A box dies with its worker, but for one that was being built at that moment.
for box in $mapped; do
  start_of "\${box%:*}"
  if [ "$start" = "\${box#*:}" ]; then kill -9 "\${box%:*}"; fi
done 2> /dev/null
for folder; do
  tries=0
  parent=\${folder%/*}
  # Who lives in a group cannot remove it. In version 2 a group that has given controllers to those below it takes nobody in.
  if ! echo $$ > "$parent/cgroup.procs"; then
    for group in "$folder" "$parent"; do
      read -r controllers < "$group/cgroup.subtree_control"
      for controller in $controllers; do echo "-$controller" > "$group/cgroup.subtree_control"; done
    done
    echo $$ > "$parent/cgroup.procs"
  fi 2> /dev/null
  # A worker that stops by itself is still there. Whoever else is will be killed.
  for group in "$folder/worker" "$folder"; do
    while read -r pid; do
      if [ "$pid" = "$PPID" ]; then echo "$pid" > "$parent/cgroup.procs"; fi
    done < "$group/cgroup.procs"
  done 2> /dev/null
  while [ -d "$folder" ] && [ $tries -lt 50 ]; do
    for group in "$folder"/*/ "$folder"; do
      if [ -f "$group/cgroup.procs" ]; then
        while read -r pid; do kill -9 "$pid"; done < "$group/cgroup.procs"
        rmdir "$group"
      fi
    done 2> /dev/null
    [ ! -d "$folder" ] || sleep 0.1
    tries=$((tries + 1))
  done
done
`

export class Warden implements UidMaps {
  readonly #child: ChildProcess
  readonly #answers: AsyncIterator<string>
  /** One question at a time. */
  #turn: Promise<unknown> = Promise.resolve()

  private constructor (child: ChildProcess) {
    this.#child = child
    this.#answers = createInterface({ input: child.stdout as NonNullable<ChildProcess['stdout']> })[Symbol.asyncIterator]()
  }

  /**
   * To be called by root, before it is given up.
   *
   * @param coldCache - may the file cache be emptied?
   * @param folders - control groups to remove after this process, with those directly below them
   */
  static async start ({ user, second, folders, coldCache }: { user: User, second: User, folders: readonly string[], coldCache: boolean }): Promise<Warden> {
    const child = spawn('/bin/sh', ['-c', SCRIPT, 'meshmark-warden', ...[user.uid, user.gid, second.uid, second.gid].map(String), coldCache ? 'yes' : 'no', ...folders], {
      cwd: '/',
      detached: true,
      env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
      stdio: ['pipe', 'pipe', 'ignore']
    })

    await once(child, 'spawn')
    child.on('error', () => {})
    child.stdin?.on('error', () => {})
    child.unref()

    for (const stream of [child.stdin, child.stdout]) {
      // Nobody waits for it to go.
      (stream as unknown as { unref: () => void }).unref()
    }

    return new Warden(child)
  }

  async write (pid: number): Promise<void> {
    if (!await this.#ask(String(pid))) {
      throw new Error('the map of uids could not be written')
    }
  }

  /** Rejects when the worker was not started for it. */
  async emptyCache (): Promise<void> {
    if (!await this.#ask('cold')) {
      throw new Error('the file cache could not be emptied')
    }
  }

  async #ask (question: string): Promise<boolean> {
    const answer = this.#turn.then(async () => {
      const { stdout } = this.#child

      // What keeps the process alive is the question.
      ;(stdout as unknown as { ref: () => void }).ref()

      try {
        this.#child.stdin?.write(`${question}\n`)
        return await this.#answers.next()
      } finally {
        (stdout as unknown as { unref: () => void }).unref()
      }
    })

    this.#turn = answer.catch(() => {})

    const { value, done } = await answer

    return done !== true && value === 'yes'
  }

  /** Resolves when it has removed the groups and gone. */
  async close (): Promise<void> {
    if (this.#child.exitCode == null && this.#child.signalCode == null) {
      const exit = once(this.#child, 'exit')

      this.#child.ref()
      this.#child.stdin?.end()
      await exit
    }
  }
}
