/** What is typed on a machine that is to join: `meshmark join TOKEN@HOST:PORT`, at an address that other machines reach where there is one. */
export function joinLine (token: string, addresses: readonly string[]): string {
  const address = addresses.find(address => !/^\/ip4\/127\.|^\/ip6\/::1\//.test(address)) ?? addresses[0]

  return `meshmark join ${token}${address == null ? '' : `@${shortAddress(address)}`}`
}

/** `HOST:PORT` of a multiaddr of plain TCP; others stay as they are, and join takes those too. */
function shortAddress (address: string): string {
  const [, family, host, port] = /^\/(ip4|ip6|dns[46]?)\/([^/]+)\/tcp\/(\d+)(?:\/p2p\/[^/]+)?$/.exec(address) ?? []

  return host == null ? address : family === 'ip6' ? `[${host}]:${port}` : `${host}:${port}`
}
