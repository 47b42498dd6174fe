/** Castagnoli's polynomial, reflected. */
const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte

  for (let bit = 0; bit < 8; bit++) {
    crc = (crc & 1) === 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1
  }

  return crc
})

/** CRC-32C in the disguise in which LevelDB stores it beside its data. */
export function maskedCrc32c (bytes: Uint8Array): number {
  let crc = 0xffffffff

  for (let i = 0; i < bytes.length; i++) {
    crc = (TABLE[(crc ^ (bytes[i] as number)) & 0xff] as number) ^ (crc >>> 8)
  }

  crc = ~crc >>> 0

  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0
}
