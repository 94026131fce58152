import t from 'tap'
import { Elements } from '../../src/resp/elements.js'
import { HAS_RESP3, IS_ERROR } from '../../src/resp/reply-framer.js'

t.test('the elements of an array, one by one', (t) => {
  const elements: [string, number][] = [
    ['+OK\r\n', 0],
    ['-ERR no\r\n', IS_ERROR],
    [':-5\r\n', 0],
    ['$5\r\na\r\nbc\r\n', 0],
    ['$-1\r\n', 0],
    ['$0\r\n\r\n', 0],
    ['_\r\n', HAS_RESP3],
    [',1.5\r\n', HAS_RESP3],
    ['#t\r\n', HAS_RESP3],
    ['!5\r\nERR x\r\n', HAS_RESP3 | IS_ERROR],
    ['*0\r\n', 0],
    ['*-1\r\n', 0],
    ['*2\r\n-ERR inside\r\n*1\r\n:1\r\n', 0],
    ['*1\r\n_\r\n', HAS_RESP3],
    ['%2\r\n+a\r\n*1\r\n:1\r\n$1\r\nb\r\n%0\r\n', HAS_RESP3],
    ['~3\r\n:1\r\n:2\r\n:3\r\n', HAS_RESP3],
    ['|1\r\n+a\r\n+b\r\n:1\r\n', HAS_RESP3],
    ['=7\r\ntxt:abc\r\n', HAS_RESP3],
  ]
  const before = '+before\r\n'
  const reply = `*${elements.length}\r\n${elements.map(([text]) => text).join('')}`
  const buf = Buffer.from(`${before}${reply}+behind\r\n`)
  const found = new Elements(buf, before.length, before.length + reply.length)
  t.equal(found.count, elements.length)
  for (const [text, flags] of elements) {
    found.next()
    t.equal(buf.toString('latin1', found.start, found.end), text)
    t.equal(found.flags, flags, JSON.stringify(text))
  }
  t.throws(() => found.next())
  t.end()
})

t.test('what is no array has none', (t) => {
  for (const reply of ['*-1\r\n', '_\r\n', '-EXECABORT x\r\n', '+OK\r\n']) {
    t.equal(new Elements(Buffer.from(reply), 0, reply.length).count, -1)
  }
  t.end()
})
