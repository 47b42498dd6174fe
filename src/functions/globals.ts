import { createContext, runInContext } from 'node:vm'

/**
 * What Node gives every module beside the language itself, in all versions
 * that a worker may have. What this program, or a test runner, has added to
 * `globalThis` is not there on a worker.
 */
const OF_NODE = [
  'AbortController', 'AbortSignal', 'Blob', 'BroadcastChannel', 'Buffer', 'ByteLengthQueuingStrategy', 'CompressionStream',
  'CountQueuingStrategy', 'Crypto', 'CryptoKey', 'CustomEvent', 'DOMException', 'DecompressionStream', 'Event', 'EventTarget', 'File',
  'FormData', 'Headers', 'MessageChannel', 'MessageEvent', 'MessagePort', 'Performance', 'PerformanceEntry', 'PerformanceMark',
  'PerformanceMeasure', 'PerformanceObserver', 'PerformanceObserverEntryList', 'PerformanceResourceTiming', 'ReadableByteStreamController',
  'ReadableStream', 'ReadableStreamBYOBReader', 'ReadableStreamBYOBRequest', 'ReadableStreamDefaultController', 'ReadableStreamDefaultReader',
  'Request', 'Response', 'SubtleCrypto', 'TextDecoder', 'TextDecoderStream', 'TextEncoder', 'TextEncoderStream', 'TransformStream',
  'TransformStreamDefaultController', 'URL', 'URLSearchParams', 'WebAssembly', 'WritableStream', 'WritableStreamDefaultController',
  'WritableStreamDefaultWriter', 'atob', 'btoa', 'clearImmediate', 'clearInterval', 'clearTimeout', 'console', 'crypto', 'fetch', 'global',
  'performance', 'process', 'queueMicrotask', 'setImmediate', 'setInterval', 'setTimeout', 'structuredClone'
]

/** What the module of a function declares around it; see function-module.ts. */
const OF_MODULE = ['require', '__name', '__vite_ssr_dynamic_import__']

let known: Set<string> | undefined

/** Names that mean the same on a worker as here. */
export function globalNames (): ReadonlySet<string> {
  known ??= new Set([...runInContext('Object.getOwnPropertyNames(globalThis)', createContext()) as string[], ...OF_NODE, ...OF_MODULE])

  return known
}
