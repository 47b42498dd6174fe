/**
 * First import of every entry point. libp2p 3 uses `Promise.withResolvers`,
 * which Node.js 20 lacks; without it the first dial fails with a misleading
 * ECONNRESET.
 */
Promise.withResolvers ??= function withResolvers<T> (this: PromiseConstructor): PromiseWithResolvers<T> {
  let resolve!: (value: T | PromiseLike<T>) => void
  let reject!: (reason?: unknown) => void
  const promise = new this<T>((a, b) => {
    resolve = a
    reject = b
  })

  return { promise, resolve, reject }
}
