import { shellLine } from '../../report/shell-words.ts'
import { CommandLine } from '../parts/notice.tsx'
import { commandLine } from '../submit/command-line.ts'
import { formOfJob } from '../submit/of-job.ts'
import type { Form } from '../submit/form.ts'
import type { FullJob } from '../../report/full.ts'

/** The command line that does what the form does. */
export function SameLine ({ form }: { form: Form }) {
  const { words, notes } = commandLine(form)

  return (
    <>
      {words == null ? <p class='dim'>{notes.length > 0 ? '' : 'It is written here as soon as there is a command.'}</p> : <CommandLine>{shellLine(words)}</CommandLine>}
      {notes.map(note => <p key={note} class='field-hint'>{note}</p>)}
    </>
  )
}

/** The command line that submits a job again, as far as its record tells. */
export function SameJobLine ({ job }: { job: FullJob }) {
  const { form, left } = formOfJob(job)

  return (
    <>
      <SameLine form={form} />
      {left.length === 0 ? null : <p class='field-hint'>Not in this line: {left.join('; ')}.</p>}
    </>
  )
}
