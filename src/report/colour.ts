export interface Palette {
  title: (text: string) => string
  best: (text: string) => string
  failed: (text: string) => string
  doubtful: (text: string) => string
  faint: (text: string) => string
}

/** The sixteen colours that every terminal has, so that the user's own theme decides how they look. */
export function paletteFor (colour: boolean): Palette {
  const paint = (on: number, off: number) => (text: string): string => colour && text !== '' ? `\u001b[${on}m${text}\u001b[${off}m` : text

  return { title: paint(1, 22), best: paint(32, 39), failed: paint(31, 39), doubtful: paint(33, 39), faint: paint(2, 22) }
}
