import wabtOf from 'wabt'

/** What a module of the tests needs of the system. */
const IMPORTS = `
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $fd_read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_sizes_get" (func $args_sizes_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_get" (func $args_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_sizes_get" (func $environ_sizes_get (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_open" (func $path_open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_symlink" (func $path_symlink (param i32 i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))
  (memory (export "memory") 1)`

/** The text format to a module. */
export async function wasm (text: string): Promise<Buffer> {
  const wabt = await wabtOf()
  const module = wabt.parseWat('test.wat', text)

  try {
    return Buffer.from(module.toBinary({}).buffer)
  } finally {
    module.destroy()
  }
}

/** Prints its arguments, each ended by a NUL, then its standard input, and exits with 7. */
export async function echo (): Promise<Buffer> {
  return wasm(`(module ${IMPORTS}
    (func (export "_start")
      (drop (call $args_sizes_get (i32.const 0) (i32.const 4)))
      (drop (call $args_get (i32.const 1024) (i32.const 4096)))
      (i32.store (i32.const 16) (i32.const 4096))
      (i32.store (i32.const 20) (i32.load (i32.const 4)))
      (drop (call $fd_write (i32.const 1) (i32.const 16) (i32.const 1) (i32.const 24)))
      (i32.store (i32.const 16) (i32.const 8192))
      (i32.store (i32.const 20) (i32.const 1024))
      (drop (call $fd_read (i32.const 0) (i32.const 16) (i32.const 1) (i32.const 20)))
      (drop (call $fd_write (i32.const 1) (i32.const 16) (i32.const 1) (i32.const 24)))
      (call $proc_exit (i32.const 7))))`)
}

/** Opens a path below its first folder, prints what is there, and exits with the errno of opening it. With `link`, that is a symbolic link to the path, which it makes before. */
export async function reader (path: string, { link, folder = 3 }: { link?: string, folder?: number } = {}): Promise<Buffer> {
  const opened = link ?? path

  return wasm(`(module ${IMPORTS}
    (data (i32.const 256) "${path}")
    (data (i32.const 512) "${opened}")
    (func (export "_start") (local $errno i32)
      ${link == null ? '' : `(drop (call $path_symlink (i32.const 256) (i32.const ${path.length}) (i32.const ${folder}) (i32.const 512) (i32.const ${opened.length})))`}
      (local.set $errno (call $path_open (i32.const ${folder}) (i32.const 1) (i32.const 512) (i32.const ${opened.length}) (i32.const 0) (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 0)))
      (if (i32.ne (local.get $errno) (i32.const 0)) (then (call $proc_exit (local.get $errno))))
      (i32.store (i32.const 16) (i32.const 8192))
      (i32.store (i32.const 20) (i32.const 1024))
      (drop (call $fd_read (i32.load (i32.const 0)) (i32.const 16) (i32.const 1) (i32.const 20)))
      (drop (call $fd_write (i32.const 1) (i32.const 16) (i32.const 1) (i32.const 24)))))`)
}
