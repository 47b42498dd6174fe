import { defineConfig } from 'vite'

export default defineConfig({
  base: './',
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    outDir: '../../dist/dashboard',
    emptyOutDir: true,
    target: 'es2022',
    // data: addresses are not allowed by the policy under which it is served
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    // the drawing library is a chunk of its own, which is loaded with the first chart
    chunkSizeWarningLimit: 700,
    sourcemap: false
  }
})
