import neostandard from 'neostandard'

export default [
  ...neostandard({
    ts: true,
    noJsx: true,
    // Written by a program, checked by `node scripts/generate.js --check`.
    ignores: ['dist/', 'coverage/', 'src/**/*.pb.ts', 'src/**/pb/*.ts', 'src/**/generated/*.ts', 'examples/**/build/']
  }),
  {
    rules: {
      // Interfaces of the wire and of C have names of their own.
      camelcase: 'off',
      // `void promise` says that nobody waits for it.
      'no-void': ['error', { allowAsStatement: true }]
    }
  }
]
