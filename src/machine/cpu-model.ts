/** Implementer -> part -> name, of what workers are made of; from util-linux's sys-utils/lscpu-arm.c. */
const ARM_PARTS: Record<string, Record<string, string>> = {
  '0x41': {
    '0xb76': 'ARM1176',
    '0xc07': 'Cortex-A7',
    '0xc08': 'Cortex-A8',
    '0xc09': 'Cortex-A9',
    '0xc0f': 'Cortex-A15',
    '0xd03': 'Cortex-A53',
    '0xd04': 'Cortex-A35',
    '0xd05': 'Cortex-A55',
    '0xd07': 'Cortex-A57',
    '0xd08': 'Cortex-A72',
    '0xd09': 'Cortex-A73',
    '0xd0a': 'Cortex-A75',
    '0xd0b': 'Cortex-A76',
    '0xd0c': 'Neoverse-N1',
    '0xd0d': 'Cortex-A77',
    '0xd40': 'Neoverse-V1',
    '0xd41': 'Cortex-A78',
    '0xd42': 'Cortex-A78AE',
    '0xd44': 'Cortex-X1',
    '0xd46': 'Cortex-A510',
    '0xd47': 'Cortex-A710',
    '0xd48': 'Cortex-X2',
    '0xd49': 'Neoverse-N2',
    '0xd4a': 'Neoverse-E1',
    '0xd4b': 'Cortex-A78C',
    '0xd4d': 'Cortex-A715',
    '0xd4e': 'Cortex-X3',
    '0xd4f': 'Neoverse-V2',
    '0xd80': 'Cortex-A520',
    '0xd81': 'Cortex-A720',
    '0xd82': 'Cortex-X4',
    '0xd84': 'Neoverse-V3',
    '0xd8e': 'Neoverse-N3'
  },
  '0x46': { '0x001': 'Fujitsu A64FX' },
  '0x48': { '0xd01': 'Kunpeng 920' },
  '0x51': { '0x001': 'Qualcomm Oryon', '0x802': 'Kryo 385 Gold', '0x803': 'Kryo 385 Silver', '0x804': 'Kryo 485 Gold', '0x805': 'Kryo 485 Silver' },
  '0x61': {
    '0x022': 'Apple M1 Icestorm',
    '0x023': 'Apple M1 Firestorm',
    '0x024': 'Apple M1 Pro Icestorm',
    '0x025': 'Apple M1 Pro Firestorm',
    '0x028': 'Apple M1 Max Icestorm',
    '0x029': 'Apple M1 Max Firestorm',
    '0x032': 'Apple M2 Blizzard',
    '0x033': 'Apple M2 Avalanche'
  },
  '0xc0': { '0xac3': 'Ampere-1', '0xac4': 'Ampere-1A' }
}

/**
 * The processor's name from /proc/cpuinfo, or else the board's from the device
 * tree. ARM kernels give numbers only; a machine with two kinds of cores is
 * named after both. Undefined when nothing names it.
 */
export function cpuModelFrom (cpuinfo: string, deviceTreeModel = ''): string | undefined {
  const fields = (key: string): string[] => [...cpuinfo.matchAll(new RegExp(`^${key}\\s*:\\s*(.+)$`, 'gm'))].map(match => (match[1] ?? '').trim())
  const parts = fields('CPU part')
  const cores = fields('CPU implementer').map((implementer, i) => {
    const part = parts[i] ?? ''

    return ARM_PARTS[implementer]?.[part] ?? `ARM ${implementer}/${part}`
  })

  const named = cores.length > 0
    ? [...new Set(cores)].sort().join(' + ')
    : fields('model name')[0] ?? fields('cpu model')[0] ?? fields('uarch')[0] ?? fields('cpu')[0] ?? fields('Hardware')[0]
  // Strings of the device tree end in NUL.
  const board = deviceTreeModel.replaceAll('\0', '').trim()

  return tidy(named ?? board) || undefined
}

/** What says nothing of the machine goes: marks, the word CPU, the nominal frequency, the count of cores. */
function tidy (name: string): string {
  return name
    .replace(/\((?:R|TM|C)\)/gi, ' ')
    .replace(/@.*$/, '')
    .replace(/\bwith Radeon.*$/i, '')
    .replace(/\b(?:\d+|Dual|Quad|Six|Eight)-Core\b/gi, '')
    .replace(/\b(?:CPU|Processor)\b/gi, '')
    .replace(/\s+/g, ' ')
    .trim()
}
