import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SseParser } from '../../src/dashboard/api/sse.ts'

describe('the parser of server-sent events', () => {
  it('reads the name, the data and the id of a message', () => {
    expect(new SseParser().push('event: task\nid: a1\ndata: {"x":1}\n\n')).toEqual([{ event: 'task', id: 'a1', data: '{"x":1}' }])
  })

  it('joins lines of data, takes \\r\\n for an end of line, and calls what has no name a message', () => {
    expect(new SseParser().push('data: a\r\ndata: b\r\n\r\n')).toEqual([{ event: 'message', data: 'a\nb' }])
  })

  it('passes over comments and over messages without data', () => {
    expect(new SseParser().push(': still there\n\nevent: job\n\ndata:x\n\n')).toEqual([{ event: 'message', data: 'x' }])
  })

  it('reads the same messages however the text was cut', () => {
    const text = ': hello\n\nevent: output\nid: z\ndata: {"text":"ä\\n"}\n\ndata: 1\ndata: 2\n\n'
    const whole = new SseParser().push(text)

    fc.assert(fc.property(fc.array(fc.nat(text.length)), cuts => {
      const parser = new SseParser()
      const places = [0, ...cuts.sort((a, b) => a - b), text.length]

      expect(places.slice(1).flatMap((place, index) => parser.push(text.slice(places[index], place)))).toEqual(whole)
    }))
  })

  it('does not keep a message without an end for ever', () => {
    const parser = new SseParser()
    const piece = 'x'.repeat(1024 * 1024)

    expect(() => {
      for (let count = 0; count < 70; count++) {
        parser.push(count === 0 ? `data: ${piece}` : piece)
      }
    }).toThrow(/too long/)
  })
})
