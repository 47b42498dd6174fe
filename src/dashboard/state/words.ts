/** Whether a text has all of the words, wherever and in whatever case. Made once for a list. Pure. */
export function withWords (words: string): (text: string) => boolean {
  const wanted = words.toLowerCase().split(/\s+/).filter(word => word !== '')

  return text => {
    const lower = text.toLowerCase()

    return wanted.every(word => lower.includes(word))
  }
}

/** `lab-9` before `lab-10`. */
export const BY_NAME = new Intl.Collator('en', { numeric: true })
