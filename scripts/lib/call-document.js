/**
 * docs/system-calls.md: the policy of src/sandbox/policy.ts in words.
 *
 * @param allowList, guard - that module's
 */
export function callDocument ({ allowList, guard }) {
  const plain = { memfd: false, twoUids: false }
  const { rules } = allowList(plain)
  const unconditional = rules.filter(({ when }) => when == null)
  const held = guard([1]).rules

  return [
    '<!-- Written by scripts/generate.js from src/sandbox/policy.ts. -->',
    '# System calls',
    '',
    'What a program in a box may ask of the kernel. Two seccomp filters hold it: the list of what may be called at all, and',
    'the guard over what is done with it; the kernel applies the stricter answer. Every result carries',
    'the hash of both. libseccomp makes them, for x86-64 and aarch64, and each is run against this table before it is used.',
    '',
    `A call that is not in the list is answered with ${answer(allowList(plain).default)}, as by an older kernel, so that C libraries fall back. Calls by the numbers`,
    'of another architecture (32-bit code, x32) end the process with SIGSYS.',
    '',
    'A condition compares the 32 bits that the kernel looks at, whatever is in the upper half of the register. Only the',
    'families of `socket` and `socketpair` are compared over 64 bits: with anything in the upper half, they are refused.',
    '',
    '## Calls',
    '',
    ...table(['answer', 'calls', 'because'], groups(unconditional).map(([action, reason, calls]) => [action, calls.map(code).join(' '), reason])),
    '',
    '## Calls that are allowed with some arguments',
    '',
    'With all others the answer is the default, unless another row says what it is.',
    '',
    ...table(['call', 'argument', 'answer', 'because'], conditions(rules)),
    '',
    '## The guard',
    '',
    'Shown for a runner with one thread; each of its threads has these rows.',
    '',
    ...table(['call', 'argument', 'answer', 'because'], conditions(held)),
    '',
    '## What differs between boxes',
    '',
    ...differences(allowList, plain),
    ''
  ].join('\n')
}

const ERRORS = { 0: 'done, without an effect', 1: 'EPERM', 12: 'ENOMEM', 38: 'ENOSYS', 95: 'EOPNOTSUPP', 97: 'EAFNOSUPPORT' }
const OPTIONS = { memfd: 'where a cgroup bounds memory', twoUids: 'where programs have a user of their own' }

function answer (action) {
  const name = action === 'allow' ? 'allowed' : ERRORS[action.errno]

  if (name == null) {
    throw new Error(`scripts/lib/call-document.js has no name for errno ${action.errno}`)
  }

  return name
}

/** [answer, reason, calls], in the table's order. */
function groups (rules) {
  const found = new Map()

  for (const { call, action, reason } of rules) {
    const key = JSON.stringify([answer(action), reason])

    found.set(key, [...found.get(key) ?? [], call])
  }

  return [...found].map(([key, calls]) => [...JSON.parse(key), calls])
}

/** One row for all values of a call with the same answer and reason. */
function conditions (rules) {
  const found = new Map()

  for (const { call, when, action, reason } of rules.filter(({ when }) => when != null)) {
    const key = JSON.stringify([shape(when), answer(action), reason])
    const { calls, values } = found.get(key) ?? { calls: new Set(), values: new Set() }

    found.set(key, { calls: calls.add(call), values: values.add(value(when)) })
  }

  return [...found].map(([key, { calls, values }]) => {
    const [where, what, reason] = JSON.parse(key)

    return [[...calls].map(code).join(' '), `${where} ${[...values].map(code).join(', ')}`, what, reason]
  })
}

const INT = 0xffffffff

function shape ({ arg, is, mask }) {
  switch (is) {
    case 'equal': return `${arg} is`
    case 'not-equal': return `${arg} is not`
    case 'masked': return mask === INT ? `${arg} is` : `${arg} & ${code(hex(mask))} is`
  }
}

const value = when => when.value < 10 ? String(when.value) : hex(when.value)
const hex = number => `0x${number.toString(16)}`
const code = text => `\`${text}\``

function table (titles, lines) {
  return [titles, titles.map(() => '---'), ...lines].map(line => `| ${line.join(' | ')} |`)
}

function differences (allowList, plain) {
  return Object.entries(OPTIONS).flatMap(([option, where]) => {
    const before = new Set(allowList(plain).rules.map(rule => JSON.stringify(rule)))
    const added = allowList({ ...plain, [option]: true }).rules.filter(rule => !before.has(JSON.stringify(rule)))

    return groups(added).map(([action, reason, calls]) => `- ${where}: ${calls.map(code).join(' ')} ${action} (${reason})`)
  })
}
