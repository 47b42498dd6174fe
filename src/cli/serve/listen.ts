/**
 * A multiaddr to listen at, from what was typed: HOST[:PORT] or a multiaddr.
 * Port 0 means something only to who listens: nobody can be reached there, so
 * parsing refuses it.
 */
export async function listenAddress (text: string): Promise<string> {
  const { parseAddress } = await import('../../node/address.ts')
  const parse = (address: string): string => parseAddress(address).toString()

  return /(:|\/tcp\/)0$/.test(text)
    ? parse(text.replace(/0$/, '1')).replace(/\/tcp\/1$/, '/tcp/0')
    : parse(text)
}
