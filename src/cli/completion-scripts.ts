import type { CompletedCommand, CompletedOption, Values } from './completion-model.ts'

/** How a shell asks for names that only the mesh or the data directory knows; silent and quick when there is none. */
const ASK = 'meshmark completion names'

export function bashScript (commands: readonly CompletedCommand[]): string {
  const cases = commands.map(({ name, options, words, later }) => `    ${name})
      options='${options.flatMap(({ flags }) => flags).join(' ')}'
      case "$previous" in
${options.filter(({ values }) => values.kind !== 'none').map(option => `        ${option.flags.join('|')}) ${bashValues(option.values)}; return;;`).join('\n')}
      esac
      if [[ $current != -* ]]; then ${later == null ? bashValues(words) : `if (( COMP_CWORD == 2 )); then ${bashValues(words)}; else ${bashValues(later)}; fi`}; return; fi
      ;;`)

  return `# meshmark completion for bash: eval "$(meshmark completion bash)"
_meshmark() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD-1]} options=
  COMPREPLY=()
  if (( COMP_CWORD == 1 )); then
    COMPREPLY=($(compgen -W '${commands.map(({ name }) => name).join(' ')} --help --version --role' -- "$current"))
    return
  fi
  case "\${COMP_WORDS[1]}" in
${cases.join('\n')}
  esac
  COMPREPLY=($(compgen -W "$options" -- "$current"))
}
complete -o filenames -o bashdefault -F _meshmark meshmark
`
}

function bashValues (values: Values): string {
  switch (values.kind) {
    case 'words': return `COMPREPLY=($(compgen -W '${values.words.join(' ')}' -- "$current"))`
    case 'file': return 'COMPREPLY=($(compgen -f -- "$current"))'
    case 'program': return 'COMPREPLY=($(compgen -c -- "$current") $(compgen -f -- "$current"))'
    case 'job': return `COMPREPLY=($(compgen -W "$(${ASK} jobs 2>/dev/null)" -- "$current"))`
    case 'worker': return `COMPREPLY=($(compgen -W "all any $(${ASK} workers 2>/dev/null)" -- "$current"))`
    case 'baseline': return `COMPREPLY=($(compgen -W "$(${ASK} baselines 2>/dev/null)" -- "$current"))`
    default: return ':'
  }
}

export function zshScript (commands: readonly CompletedCommand[]): string {
  const cases = commands.map(({ name, options, words, later }) => `        ${name})
          _arguments -s -S \\
${options.map(option => `            ${zshOption(option)} \\`).join('\n')}
            '1:${words.kind === 'words' ? 'word' : words.kind}:${zshValues(words)}'${later == null || later.kind === 'none' ? '' : ` '2:${later.kind}:${zshValues(later)}'`} '*::argument:_normal' ;;`)

  return `#compdef meshmark
# meshmark completion for zsh: eval "$(meshmark completion zsh)", after compinit
_meshmark_jobs() { compadd -- \${(f)"$(${ASK} jobs 2>/dev/null)"} }
_meshmark_workers() { compadd -- all any \${(f)"$(${ASK} workers 2>/dev/null)"} }
_meshmark_baselines() { compadd -- \${(f)"$(${ASK} baselines 2>/dev/null)"} }
_meshmark() {
  local curcontext=$curcontext state line
  local -a commands
  commands=(
${commands.map(({ name, summary }) => `    ${quote(`${name}:${summary}`)}`).join('\n')}
  )
  _arguments -C '1:command:->command' '*::argument:->argument'
  case $state in
    command) _describe command commands ;;
    argument)
      case $words[1] in
${cases.join('\n')}
      esac ;;
  esac
}
compdef _meshmark meshmark
`
}

function zshOption ({ flags, description, values, count }: CompletedOption): string {
  const text = description.replace(/[[\]]/g, '').replaceAll(':', '\\:')
  const value = `:value:${zshValues(values)}`.repeat(count)

  return flags.map(flag => quote(`${flag}[${text}]${value}`)).join(' ')
}

function zshValues (values: Values): string {
  switch (values.kind) {
    case 'words': return `(${values.words.join(' ')})`
    case 'file': return '_files'
    case 'program': return '_files'
    case 'job': return '_meshmark_jobs'
    case 'worker': return '_meshmark_workers'
    case 'baseline': return '_meshmark_baselines'
    default: return ' '
  }
}

export function fishScript (commands: readonly CompletedCommand[]): string {
  const names = commands.map(({ name }) => name).join(' ')

  return [
    '# meshmark completion for fish: meshmark completion fish | source',
    'complete -c meshmark -f',
    `complete -c meshmark -n 'not __fish_seen_subcommand_from ${names}' -l help -d 'all commands'`,
    `complete -c meshmark -n 'not __fish_seen_subcommand_from ${names}' -l version -d 'the version'`,
    ...commands.flatMap(({ name, summary, options, words, later }) => [
      `complete -c meshmark -n 'not __fish_seen_subcommand_from ${names}' -a ${name} -d ${quote(summary)}`,
      ...(words.kind === 'none' || words.kind === 'text' ? [] : [`complete -c meshmark -n '__fish_seen_subcommand_from ${name}${words.kind === 'words' ? `; and not __fish_seen_subcommand_from ${words.words.join(' ')}` : ''}' ${fishValues(words)}`]),
      ...(words.kind !== 'words' || later == null || later.kind === 'none' ? [] : [`complete -c meshmark -n '__fish_seen_subcommand_from ${name}; and __fish_seen_subcommand_from ${words.words.join(' ')}' ${fishValues(later)}`]),
      ...options.map(option => `complete -c meshmark -n '__fish_seen_subcommand_from ${name}' ${fishFlags(option)} -d ${quote(option.description)}${option.values.kind === 'none' ? '' : ` -r ${fishValues(option.values)}`}`)
    ]),
    ''
  ].join('\n')
}

function fishFlags ({ flags }: CompletedOption): string {
  return flags.map(flag => flag.startsWith('--') ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`).join(' ')
}

function fishValues (values: Values): string {
  switch (values.kind) {
    case 'words': return `-a ${quote(values.words.join(' '))}`
    case 'file': return '-F'
    case 'program': return "-F -a '(__fish_complete_command)'"
    case 'job': return `-a '(${ASK} jobs 2>/dev/null)'`
    case 'worker': return `-a 'all any (${ASK} workers 2>/dev/null)'`
    case 'baseline': return `-a '(${ASK} baselines 2>/dev/null)'`
    default: return ''
  }
}

/** A single-quoted word of any of the three shells. */
function quote (text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}
