import { Copy } from './copy.tsx'
import type { ComponentChildren } from 'preact'

/** There is nothing to show, and what to do about it. */
export function Empty ({ title, children }: { title: string, children?: ComponentChildren }) {
  return <div class='notice'><p class='notice-title'>{title}</p>{children}</div>
}

export function Loading ({ what }: { what: string }) {
  return <div class='notice notice-loading' role='status'><p>Loading {what}…</p></div>
}

/** Something did not work: what, and what to do. */
export function Failure ({ title, detail, onRetry }: { title: string, detail: string, onRetry?: () => void }) {
  return (
    <div class='notice notice-bad' role='alert'>
      <p class='notice-title'>{title}</p>
      <p>{detail}</p>
      {onRetry == null ? null : <button type='button' onClick={onRetry}>Try again</button>}
    </div>
  )
}

/** A line for a terminal, to be copied. */
export function CommandLine ({ children }: { children: string }) {
  return <div class='command-line'><code>{children}</code><Copy text={children} name={`Copy: ${children}`} /></div>
}
