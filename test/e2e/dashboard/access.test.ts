import { describe, expect, it } from 'vitest'
import { CHROMIUM, NO_CHROMIUM, PHONE } from '../browser.ts'
import { Keyboard } from '../keyboard.ts'
import { withLab } from './lab.ts'
import type { TestPage } from '../browser.ts'

describe.skipIf(CHROMIUM == null)(`the dashboard in Chromium, for everybody${NO_CHROMIUM}`, () => {
  const labOf = withLab(1)

  it('is all there for the keyboard alone: signing in, finding, opening, draining, adding, copying', async () => {
    const lab = labOf()
    const seen = await lab.open()
    const keys = new Keyboard(seen.page)
    const { page } = seen

    await page.goto(lab.url)
    await keys.isAt('input', '')
    await keys.type(lab.admin)
    await keys.press('Enter')
    await keys.isAt('h1', 'Mesh')

    // who opens the page begins at its beginning, and may pass by what is the same everywhere
    await page.reload()
    await page.getByRole('navigation').waitFor()
    await keys.tabTo('Skip to the content')
    await keys.press('Enter')
    await keys.isAt('main', '')

    await keys.tabTo('Find')
    await keys.type('lab')
    await keys.hears('2 workers')
    await keys.tabTo('Group by')
    await keys.press('s')
    await page.locator('.row-line', { hasText: 'waiting' }).waitFor()
    // the list is one stop, however long it is
    await keys.tabTo(/^waiting/)
    await keys.press('ArrowDown')
    await keys.isAt('.row', 'lab-1')
    await keys.press('Enter')
    await keys.isAt('h2', 'lab-1')
    await keys.tabTo('Drain')
    await keys.press('Enter')
    // the careful answer is at hand, and Escape gives it and closes nothing else
    await keys.isAt('button', 'Leave it')
    await keys.press('Escape')
    await keys.isAt('button', /^Drain$/)
    await keys.press('Enter')
    await keys.isAt('button', 'Leave it')
    await keys.press('Shift+Tab', 'Enter')
    await page.locator('.table-workers .mark', { hasText: 'draining' }).waitFor()
    await keys.isAt('button', 'Let it work again')
    await keys.press('Enter')
    await page.locator('.table-workers .mark', { hasText: 'draining' }).waitFor({ state: 'detached' })
    await keys.isAt('button', /^Drain$/)
    // what was open gives the keyboard back
    await keys.press('Escape')
    await keys.isAt('.row', 'lab-1')

    await keys.tabTo('Add a worker', 'Shift+Tab')
    await keys.press('Enter')
    await keys.isAt('h3', 'One more worker')
    await keys.tabTo(/^Copy: meshmark join/)
    await keys.press('Enter')
    await page.getByText(/^Copied|^Not copied/).waitFor()
    await keys.press('Escape')
    await keys.isAt('button', 'Add a worker')
    expect(keys.unseen).toEqual([])
    await seen.close()
  })

  it('is all there for the keyboard alone: jobs, one of them, comparing, history, activity, submitting', async () => {
    const lab = labOf()
    const { page } = lab.reader
    const keys = new Keyboard(page)
    const choose = async (title: string): Promise<void> => {
      await keys.tabTo(title, 'Shift+Tab')
      await keys.press('Enter')
      await keys.isAt('h1', title)
    }

    for (const runs of [2, 3]) {
      await lab.ask(`/v1/jobs/${(await lab.submit({ kind: 'run', name: 'again', commands: ['true'], runs })).split('/').at(-1)}/outcome?wait=60s`)
    }

    const endless = await lab.submit({ kind: 'exec', name: 'endless', command: ['sh', '-c', 'echo begun; sleep 600'] })

    await choose('Jobs')
    await page.locator('.table-jobs', { hasText: 'endless' }).waitFor()
    await keys.tabTo('Find')
    await keys.type('again')
    await keys.hears(/^2 of/)
    await keys.tabTo('State')
    await keys.tabTo(/again true/)
    await keys.press('End')
    await keys.isAt('.row[aria-rowindex="3"]', 'again')
    // a row stays where the keyboard is when another one comes above it
    await lab.submit({ kind: 'run', name: 'again', commands: ['true'], runs: 2 })
    await keys.isAt('.row[aria-rowindex="4"]', 'again')
    await keys.press('Home', 'Enter')
    await keys.isAt('h1', 'again')

    await lab.reader.goTo(endless)
    await keys.isAt('h1', 'endless')
    await page.locator('.output', { hasText: 'begun' }).waitFor()
    await keys.tabTo('Cancel')
    await keys.press('Enter')
    await keys.isAt('button', 'Let it go on')
    await keys.press('Shift+Tab', 'Enter')
    await keys.hears('endless: cancelled')
    // its button is gone, and the keyboard is not
    await keys.isAt('h1', 'endless')
    await keys.tabTo(/^\d\d:\d\d:\d\d$/)
    await keys.press('Enter')
    await page.getByText(/CET \(\d{4}-.*Z\)/).waitFor()

    await choose('Compare')
    await keys.tabTo('This')
    await keys.press('ArrowDown')
    // the choice is an address first, and then a view
    await page.locator('.compare-place').nth(1).waitFor()
    await keys.tabTo('with')
    await keys.press('End')
    await page.getByText('no verdict').first().waitFor()
    // what comes below moves nobody
    expect(await keys.stop()).toMatchObject({ name: 'with' })
    await choose('History')
    await keys.tabTo('again')
    await keys.press('Enter')
    await page.locator('.chart canvas').waitFor()
    await keys.tabTo('As a table')
    await keys.press('Enter')
    await page.locator('.chart-table').waitFor()
    await choose('Activity')
    await page.locator('.chart canvas').first().waitFor()
    await keys.tabTo('Of')
    await keys.press('ArrowDown')
    await page.getByText('meshmark profile --since 1h').waitFor()

    await keys.tabTo('Submit', 'Shift+Tab')
    await keys.press('Enter')
    await keys.isAt('h1', 'Submit a job')

    // asked for some round trips before the key is pressed, which is sooner there than a click
    const choosing = page.waitForEvent('filechooser')

    await keys.tabTo(/^Choose files/)
    await keys.press('Enter')
    await (await choosing).setFiles({ name: 'by-hand', mimeType: 'application/octet-stream', buffer: Buffer.from('#!/bin/sh\necho "by $1"\n') })
    await page.getByRole('button', { name: 'Remove by-hand' }).waitFor()
    await keys.tabTo('Command')
    await keys.press('End')
    await keys.type(' hand')
    await keys.tabTo('until it is known well')
    await keys.press('ArrowRight')
    await keys.tabTo('Measured runs')
    await keys.type('2')
    await keys.tabTo(/^Submit$/)
    await keys.press('Enter')
    await keys.isAt('h1', /^Job/)
    await page.getByRole('heading', { name: 'Results' }).waitFor()
    await page.locator('.output', { hasText: 'by hand' }).first().waitFor()
    expect(keys.unseen).toEqual([])
  })

  it('has nothing that axe complains of, in light, dark and with more contrast, on a desk and on a phone', async () => {
    const lab = labOf()
    const measured = await lab.submit({ kind: 'run', name: 'measured', commands: ['true'], runs: 5 })
    const compared = await lab.submit({ kind: 'compare', name: 'compared', commands: ['true', 'sh -c :'], runs: 6 })
    const failing = await lab.submit({ kind: 'each', name: 'failing', command: ['sh', '-c', 'echo {} >&2; exit 3'], items: ['1', '2'] })
    const places = ['#/mesh', `#/mesh/${(await lab.ask('/v1/nodes')).nodes.find(({ name }: { name: string }) => name === 'lab-1').peerId}`, '#/jobs', measured, compared, failing, '#/compare', '#/history/measured', '#/activity', '#/submit', '#/nowhere', '#/jobs/none']
    const phone = await lab.open({ viewport: PHONE, hasTouch: true })

    // a job that is none is refused, which a browser says too
    lab.reader.tolerated = phone.tolerated = /status of 40[04]/

    await phone.signIn(lab.url, lab.admin)
    await Promise.all([measured, compared, failing].map(async job => lab.ask(`/v1/jobs/${job.split('/').at(-1)}/outcome?wait=60s`)))

    const look = async (seen: TestPage, size: string, place: string): Promise<string[]> => {
      const found: string[] = []

      await seen.page.emulateMedia({ colorScheme: 'light', contrast: 'no-preference' })
      await seen.goTo(place)
      await seen.page.locator('h1').first().waitFor()
      await seen.page.locator('.notice-loading').first().waitFor({ state: 'detached' })
      found.push(...(await seen.axe()).map(line => `${place} (${size}): ${line}`))

      // colours are all that differs, and those of more contrast are the same on every screen
      for (const [colorScheme, contrast] of [['dark', 'no-preference'], ...size === 'phone' ? [] : [['dark', 'more'], ['light', 'more']] as const] as const) {
        await seen.page.emulateMedia({ colorScheme, contrast })
        found.push(...(await seen.axe(['color-contrast'])).map(line => `${place} (${size}, ${colorScheme}, contrast ${contrast}): ${line}`))
      }

      // nothing is wider than the screen but what scrolls in a box of its own
      return await seen.page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth') === 0 ? found : [...found, `${place} (${size}): wider than the screen`]
    }

    for (const place of places) {
      expect((await Promise.all([look(lab.reader, 'desk', place), look(phone, 'phone', place)])).flat()).toEqual([])
    }

    await lab.reader.page.emulateMedia({ colorScheme: 'light', contrast: 'no-preference' })
    await phone.close()
  })
})
