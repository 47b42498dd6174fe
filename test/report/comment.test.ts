import { describe, expect, it } from 'vitest'
import { MAX_COMMENT, renderComment } from '../../src/report/comment.ts'
import { hostile, HOSTILE, items, many, measured, regression } from './html/jobs.ts'
import { resultSetOf } from '../../src/report/result-sets.ts'
import { sideBySide } from '../../src/report/side-by-side.ts'
import { sideBySideComment } from '../../src/report/html/side-by-side.ts'

const ABOUT = { writtenAt: Date.UTC(2026, 0, 2, 3, 4), version: '0.1.0' }

/** Neither what stands in code nor what this program writes itself. */
function plainParts (text: string): string {
  return text.replace(/^(`{3,})sh\n[^]*?\n\1$/gm, '').replace(/`[^`\n]*`/g, '').replace(/<\/?(?:details|summary|sub)>/g, '')
}

describe('a report as a comment', () => {
  it('begins with the verdict, and folds the rest', () => {
    const text = renderComment(regression(), ABOUT)

    expect(text).toMatch(/^### ❌ regression: slower by more than 5 % on lab-01: 1\.\d+ ± 0\.\d+ times the wall time, over 3 machines\n\n`\.\/new 7 against \.\/old 7`\n\n\| Command/)
    expect(text).toContain('<details><summary>Machines</summary>')
    expect(text).toContain('meshmark compare --precision 1% --fail-if-slower 5%')
    expect(text).toContain('job 7x2m9ka7 · 2026-01-02 03:04 UTC</sub>')
  })

  it('of items names those that failed', () => {
    expect(renderComment(items(120), ABOUT)).toMatch(/### ❌ failed: 5 of 120 items did not end well[^]*- item 6 '\\<b\\>5' on lab-03: failed: exited with 2/)
  })

  it.each([
    ['a job', renderComment(hostile(), ABOUT)],
    ['items', renderComment({ workers: hostile().workers.map((worker, at) => ({ ...worker, task: String(at + 1) })), job: { ...hostile().job, each: { items: [HOSTILE, HOSTILE] }, kind: 'exec' } }, ABOUT)],
    ['results side by side', sideBySideComment([resultSetOf(measured(), 'a'), resultSetOf(hostile(), HOSTILE)], sideBySide([resultSetOf(measured(), 'a'), resultSetOf(hostile(), HOSTILE)], 'wall'), 'wall', ABOUT)]
  ])('of %s lets no name become HTML, a mention, a link or a column', (_, text) => {
    const plain = plainParts(text)

    expect(plain).not.toMatch(/(?<!\\)<(?!\/?[a-z]+>$)[a-z/!]/i)
    expect(plain).not.toMatch(/@everyone|#1\b|https:\/\//)
    // eslint-disable-next-line no-control-regex
    expect(text).not.toMatch(/[\u0000-\u0008\u001b\u202e]/)

    const columns = text.split('\n').filter(line => line.startsWith('|')).map(line => line.replace(/\\\|/g, '').split('|').length)

    // one number for each table
    expect(new Set(columns).size).toBeLessThanOrEqual(2)
  })

  it('fits a comment of GitHub however many workers there are, and says what it leaves out', () => {
    const text = renderComment(many(1_000), ABOUT)

    expect(text.length).toBeLessThan(MAX_COMMENT)
    expect(text).toMatch(/\d+ more lines are left out/)
    expect(text).toContain('<summary>The same again</summary>')
  })
})
