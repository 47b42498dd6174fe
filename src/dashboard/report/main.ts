/** What a report can do beyond being read: it works without all of this. */
import { setUpDownloads } from './downloads.ts'
import { setUpFind } from './find.ts'
import { setUpSorting } from './sorting.ts'
import { setUpTips } from './tips.ts'

document.documentElement.classList.add('js')
setUpTimes()
setUpSorting()
setUpFind()
setUpTips()
setUpDownloads()
setUpPrinting()

/** In the reader's own zone, the exact instant on hover. */
function setUpTimes (): void {
  const format = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' })

  for (const time of document.querySelectorAll('time')) {
    time.title = `${time.dateTime} (${time.textContent})`
    time.textContent = format.format(new Date(time.dateTime))
  }
}

/** Paper cannot unfold anything. */
function setUpPrinting (): void {
  let opened: HTMLDetailsElement[] = []

  addEventListener('beforeprint', () => {
    opened = [...document.querySelectorAll('details')].filter(({ open }) => !open)
    opened.forEach(details => { details.open = true })
  })
  addEventListener('afterprint', () => {
    opened.forEach(details => { details.open = false })
  })
}
