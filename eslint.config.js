import neostandard from 'neostandard'

export default [
  ...neostandard({
    ts: true,
    ignores: ['dist/', 'coverage/']
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
