import { describe, expect, it } from 'vitest'
import { cpuModelFrom } from '../../src/machine/cpu-model.ts'

describe('the name of a processor', () => {
  it.each([
    ['processor\t: 0\nmodel name\t: AMD Ryzen 9 7950X 16-Core Processor\n', 'AMD Ryzen 9 7950X'],
    ['model name\t: Intel(R) Xeon(R) Gold 6338 CPU @ 2.00GHz\n', 'Intel Xeon Gold 6338'],
    ['model name\t: AMD Ryzen 7 5800H with Radeon Graphics\n', 'AMD Ryzen 7 5800H'],
    ['model name\t: AMD EPYC\n', 'AMD EPYC'],
    ['cpu\t\t: POWER9, altivec supported\n', 'POWER9, altivec supported'],
    ['processor\t: 0\nuarch\t\t: sifive,u74-mc\n', 'sifive,u74-mc']
  ])('is found in %j', (cpuinfo, name) => {
    expect(cpuModelFrom(cpuinfo)).toBe(name)
  })

  const core = (implementer: string, part: string): string => `CPU implementer\t: ${implementer}\nCPU architecture: 8\nCPU part\t: ${part}\n\n`

  it('is looked up for ARM, where the kernel gives numbers', () => {
    expect(cpuModelFrom(core('0x41', '0xd0b').repeat(4), 'Raspberry Pi 5 Model B Rev 1.0\0')).toBe('Cortex-A76')
  })

  it('names both kinds of cores', () => {
    expect(cpuModelFrom(core('0x41', '0xd05').repeat(4) + core('0x41', '0xd0b').repeat(2))).toBe('Cortex-A55 + Cortex-A76')
  })

  it('shows the numbers of a core that is not in the list', () => {
    expect(cpuModelFrom(core('0x99', '0x123'))).toBe('ARM 0x99/0x123')
  })

  it("falls back on the board's name, and on nothing", () => {
    expect(cpuModelFrom('processor\t: 0\n', 'StarFive VisionFive 2\0')).toBe('StarFive VisionFive 2')
    expect(cpuModelFrom('')).toBeUndefined()
  })
})
