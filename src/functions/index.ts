import '../node/polyfill.ts'

export { distribute } from './distribute.ts'
export { CallError } from './errors.ts'
export type { CallOptions, Companions, Distributed, DistributeOptions, MapOptions, Settled } from './types.ts'
