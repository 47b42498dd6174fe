import '../node/polyfill.ts'

export { distribute } from './distribute.ts'
export { CallError } from './errors.ts'
export type { CallOptions, Companions, Distributed, DistributedMapOptions, DistributeOptions, Settled } from './types.ts'
