import { MeshmarkError } from '../../../model/errors.ts'
import { MAX_COMMANDS } from '../../../model/job.ts'
import { type Parameter, scanValues, splitValues } from './parameters.ts'

export interface ParameterOptions {
  /** `VAR MIN MAX` */
  parameterScan?: string
  parameterStepSize?: string
  /** Each `VAR VALUES` */
  parameterList?: string[]
}

/** As many as one command may have; the protocol bounds them too. */
const MAX_PARAMETERS = 64

/** The parameters in the order in which they vary, the scan first. */
export function parametersOf ({ parameterScan, parameterStepSize, parameterList = [] }: ParameterOptions): Parameter[] {
  if (parameterStepSize != null && parameterScan == null) {
    throw new MeshmarkError('usage', `--parameter-step-size ${parameterStepSize} is the step of a --parameter-scan, and there is none`)
  }

  return checkParameters([
    ...(parameterScan == null ? [] : [readScan(parameterScan, parameterStepSize)]),
    ...parameterList.map(readList)
  ])
}

/** Throws `usage` for names that cannot be, or are there twice. */
export function checkParameters (parameters: Parameter[]): Parameter[] {
  const names = parameters.map(({ name }) => checkName(name))
  const twice = names.find((name, index) => names.indexOf(name) !== index)

  if (twice != null) {
    throw new MeshmarkError('usage', `duplicate parameter name '${twice}': give each parameter a name of its own`)
  }

  if (parameters.length > MAX_PARAMETERS) {
    throw new MeshmarkError('usage', `${parameters.length} parameters are more than the ${MAX_PARAMETERS} that a command can have`)
  }

  return parameters
}

function readScan (text: string, step: string | undefined): Parameter {
  const words = text.trim().split(/\s+/)
  const [name, min, max] = words

  if (name == null || min == null || max == null || words.length > 3) {
    throw new MeshmarkError('usage', `--parameter-scan '${text}' is not VAR MIN MAX: write e.g. --parameter-scan threads 1 8`)
  }

  return { name, values: scanValues(min, max, step, MAX_COMMANDS) }
}

function readList (text: string): Parameter {
  const [, name, values] = /^(\S+) ([^]*)$/.exec(text) ?? []

  if (name == null || values == null) {
    throw new MeshmarkError('usage', `--parameter-list '${text}' is not VAR VALUES: write e.g. --parameter-list compiler gcc,clang`)
  }

  return { name, values: splitValues(values) }
}

function checkName (name: string): string {
  if (/[{}\p{Cc}]/u.test(name) || name.length > 64) {
    throw new MeshmarkError('usage', `parameter name '${name.slice(0, 80)}' must be at most 64 printable characters without braces`)
  }

  // The results of several workers have a parameter of this name.
  if (name === 'worker') {
    throw new MeshmarkError('usage', "no parameter can have the name 'worker': in the results it is the machine's")
  }

  return name
}
