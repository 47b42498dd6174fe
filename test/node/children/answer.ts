// the parent may end while this process is still starting
process.on('disconnect', () => { process.exit(0) })

if (!process.connected) {
  process.exit(0)
}

/** The child's half of `Child.ask`: one verb, one answer. A child imports this first of all, and ends when the parent is gone. */
export function answer (verbs: Record<string, (value: any) => unknown>): void {
  process.on('unhandledRejection', reason => {
    console.error(reason)
    process.exit(70)
  })
  process.on('message', ({ id, what, value }: { id: number, what: string, value: unknown }) => {
    Promise.resolve()
      .then(async () => verbs[what]?.(value))
      .then(value => process.send?.({ id, value }), err => process.send?.({ id, error: err instanceof Error ? err.message : String(err) }))
  })
}
