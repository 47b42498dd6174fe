/** What is kept of an Error; everything in it can be encoded. */
interface ErrorRecord {
  /** The nearest class that every Node has. */
  type: string
  name: string
  message: string
  stack?: string
  cause?: unknown
  errors?: unknown
  props?: Record<string, unknown>
}

const TYPES: Record<string, new (message?: string) => Error> = { Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError }
const OWN = new Set(['name', 'message', 'stack', 'cause', 'errors', '__proto__'])

/** An error may carry a whole response of a server, sockets and all. */
const MAX_TEXT = 64 * 1024

/**
 * The record of an error, or one without contents where the error is reached
 * from itself. What of its cause and its own properties cannot be encoded is
 * left out.
 *
 * @param known - the records made so far; undefined while one is being made
 * @param tryToEncode - throws for what cannot be encoded
 */
export function errorRecord (error: Error, known: Map<Error, object | undefined>, tryToEncode: (value: unknown) => void): object {
  const made = known.get(error)

  if (made != null) {
    return made
  }

  if (known.has(error)) {
    throw new TypeError('an error that contains itself')
  }

  known.set(error, undefined)

  const canEncode = (value: unknown): boolean => {
    try {
      tryToEncode(value)

      return true
    } catch {
      return false
    }
  }
  const record: ErrorRecord = { type: typeOf(error), name: textOf(error, 'name'), message: textOf(error, 'message') }
  const stack = textOf(error, 'stack')
  const { cause, errors } = error as { cause?: unknown, errors?: unknown }
  const props = Object.entries(error).filter(([key, value]) => !OWN.has(key) && canEncode(value))

  if (stack !== '') {
    record.stack = stack
  }

  if ('cause' in error && canEncode(cause)) {
    record.cause = cause
  }

  if (error instanceof AggregateError && Array.isArray(errors)) {
    record.errors = errors.filter(canEncode)
  }

  if (props.length > 0) {
    record.props = Object.fromEntries(props)
  }

  known.set(error, record)

  return record
}

/** Throws for anything that is no record. */
export function reviveError (record: unknown): Error {
  if (record == null || typeof record !== 'object') {
    throw new TypeError('Invalid input')
  }

  const { type, name, message, stack, cause, errors, props } = record as Record<string, unknown>

  if (typeof name !== 'string' || typeof message !== 'string' || typeof type !== 'string') {
    throw new TypeError('Invalid input')
  }

  const error = Array.isArray(errors)
    ? new AggregateError(errors, message)
    : new (Object.hasOwn(TYPES, type) ? TYPES[type]! : Error)(message)

  hide(error, 'stack', typeof stack === 'string' ? stack : `${name}: ${message}`)

  if (error.name !== name) {
    hide(error, 'name', name)
  }

  if (Object.hasOwn(record, 'cause')) {
    hide(error, 'cause', cause)
  }

  for (const [key, value] of Object.entries(props != null && typeof props === 'object' ? props : {})) {
    if (!OWN.has(key)) {
      Object.defineProperty(error, key, { value, enumerable: true, writable: true, configurable: true })
    }
  }

  return error
}

/** As the engine's own: it does not show when the properties are listed. */
function hide (error: Error, key: string, value: unknown): void {
  Object.defineProperty(error, key, { value, enumerable: false, writable: true, configurable: true })
}

function typeOf (error: Error): string {
  return Object.keys(TYPES).find(name => name !== 'Error' && error instanceof TYPES[name]!) ?? 'Error'
}

/** A getter of the program's own may stand in its place, and throw. */
function textOf (error: Error, key: 'name' | 'message' | 'stack'): string {
  try {
    const value: unknown = error[key]

    return typeof value === 'string' ? value.slice(0, MAX_TEXT) : ''
  } catch {
    return ''
  }
}
