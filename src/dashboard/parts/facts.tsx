import type { ComponentChildren } from 'preact'

/** Names and values below each other; what is not known is left out. */
export function Facts ({ facts }: { facts: ReadonlyArray<readonly [string, ComponentChildren]> }) {
  return (
    <dl class='facts'>
      {facts.filter(([, value]) => value != null && value !== '').map(([name, value]) => (
        <div key={name} class='fact'>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  )
}
