import type { Page } from 'playwright-core'

/** What has the keyboard: its role or element, its name, and whether that is seen. */
export interface Stop {
  kind: string
  name: string
  isSeen: boolean
}

/** More stops than any view has. */
const MOST = 80

/** Runs in the page, whose policy takes no text as a function but what comes from outside. */
const STOP = `(() => {
  const at = document.activeElement
  const style = getComputedStyle(at)
  const box = at.getBoundingClientRect()
  const name = at.getAttribute('aria-label') ?? (at.labels?.[0] == null ? at.innerText ?? '' : [...at.labels[0].childNodes].filter(node => node.nodeType === Node.TEXT_NODE).map(node => node.data).join(''))

  return {
    kind: at.getAttribute('role') ?? at.localName,
    name: name.replace(/\\s+/g, ' ').trim(),
    isSeen: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2 && box.width > 0 && box.bottom > 0 && box.top < innerHeight
  }
})()`

/** A reader without a mouse. */
export class Keyboard {
  /** Where it stopped and nobody would have seen it. */
  readonly unseen: string[] = []

  constructor (readonly page: Page) {}

  async stop (): Promise<Stop> {
    return this.page.evaluate(STOP)
  }

  async press (...keys: string[]): Promise<void> {
    for (const key of keys) {
      await this.page.keyboard.press(key)
    }
  }

  async type (text: string): Promise<void> {
    await this.page.keyboard.insertText(text)
  }

  /** Goes on until something of that name has the keyboard. */
  async tabTo (name: string | RegExp, key = 'Tab'): Promise<Stop> {
    const passed: string[] = []

    for (let at = 0; at < MOST; at++) {
      await this.press(key)

      const stop = await this.stop()

      passed.push(`${stop.kind} ${stop.name}`)

      if (!stop.isSeen) {
        this.unseen.push(passed.at(-1)!)
      }

      if (typeof name === 'string' ? stop.name === name : name.test(stop.name)) {
        return stop
      }
    }

    throw new Error(`the keyboard does not come to ${String(name)}: ${passed.join(', ')}`)
  }

  /** Until it has been brought there. */
  async isAt (selector: string, words: string | RegExp): Promise<void> {
    await this.page.locator(`${selector}:focus`, { hasText: words }).waitFor()
  }

  /** Until a sentence is said aloud. */
  async hears (words: string | RegExp): Promise<void> {
    await this.page.locator('.only-said', { hasText: words }).waitFor({ state: 'attached' })
  }
}
