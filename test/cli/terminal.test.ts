import t from 'tap'
import {
  bar,
  count,
  counted,
  duration,
  indented,
  Progress,
  percent,
  size,
  styled,
  table,
} from '../../src/cli/terminal.js'

/** A terminal of this width, or what is none. */
function screen(options: { columns?: number; rows?: number; colours?: boolean } = {}) {
  const { columns, rows = 24, colours = false } = options
  return {
    text: '',
    isTTY: columns !== undefined,
    columns: columns ?? 0,
    rows,
    hasColors: () => colours,
    write(text: string) {
      this.text += text
    },
  }
}

t.test('a table is as wide as its content, and shows no empty column', async (t) => {
  const columns = [{ head: 'name' }, { head: 'keys', align: 'right' as const }, { head: 'why' }]
  const rows = [
    ['dt-1', '1,000', ''],
    ['a longer name', '7', ''],
  ]
  t.equal(table(screen(), columns, rows), 'name            keys\ndt-1           1,000\na longer name      7\n')
  rows[1][2] = 'down'
  t.equal(
    table(screen(), columns, rows),
    'name            keys  why\ndt-1           1,000\na longer name      7  down\n',
  )
  t.equal(table(screen(), columns, []), '\n')
})

t.test('there are colours on a terminal that has colours, and nowhere else', async (t) => {
  t.equal(styled(screen({ columns: 80, colours: true }), 'red', 'text'), '\x1b[31mtext\x1b[39m')
  t.equal(styled(screen({ columns: 80 }), 'red', 'text'), 'text')
  t.equal(styled(screen({ colours: true }), 'red', 'text'), 'text')
  const out = screen({ columns: 80, colours: true })
  t.equal(
    table(out, [{ head: 'state' }], [['up']], (text) => styled(out, 'green', text)),
    '\x1b[1mstate\x1b[22m\n\x1b[32mup   \x1b[39m\n',
  )
})

t.test('progress is written over itself on a terminal, and is nothing elsewhere', async (t) => {
  const out = screen({ columns: 10 })
  const progress = new Progress(out)
  progress.show(['one', 'two'])
  t.equal(out.text, 'one\ntwo\n')
  progress.show(['longer than ten'])
  t.equal(out.text, 'one\ntwo\n\r\x1b[2A\x1b[0Jlonger t…\n')
  out.text = ''
  progress.clear()
  progress.clear()
  t.equal(out.text, '\r\x1b[1A\x1b[0J')
  const file = screen()
  new Progress(file).show(['one'])
  new Progress(file).clear()
  t.equal(file.text, '')
})

t.test('a line that is cut says so, also in colours', async (t) => {
  const out = screen({ columns: 10, colours: true })
  new Progress(out).show(['nine sign', 'ten signs!', styled(out, 'red', 'ten signs!')])
  t.equal(out.text, 'nine sign\nten sign…\n\x1b[31mten sign…\x1b[39m\n')
})

t.test('on a terminal that is too low the first lines stay, and it says how many are left out', async (t) => {
  const lines = ['1', '2', '3', '4', '5']
  const fitting = screen({ columns: 80, rows: 6 })
  new Progress(fitting).show(lines)
  t.equal(fitting.text, '1\n2\n3\n4\n5\n')
  const low = screen({ columns: 80, rows: 5 })
  const progress = new Progress(low)
  progress.show(lines)
  t.equal(low.text, '1\n2\n3\n… 2 more lines: the terminal is too low\n')
  low.text = ''
  progress.clear()
  t.equal(low.text, '\r\x1b[4A\x1b[0J')
})

t.test('a long text is broken between words, and keeps its place', async (t) => {
  t.same(indented('one two three', 2, 11), ['  one two', '  three'])
  t.same(indented('one two three', 2, Number.POSITIVE_INFINITY), ['  one two three'])
})

t.test('where there is no terminal how far it is is a line now and then, and nothing for scripts', async (t) => {
  const file = screen()
  const progress = new Progress(file, false, 0)
  progress.show(['a third'])
  progress.show(['two thirds'])
  progress.clear()
  t.equal(file.text, 'a third\ntwo thirds\n')
  const script = screen()
  for (const isTTY of [false, true]) new Progress({ ...script, isTTY }, true, 0).show(['one'])
  t.equal(script.text, '')
})

t.test('a bar is full when all is done, and never fuller', async (t) => {
  t.equal(bar(0, 10), `${'░'.repeat(30)}   0 %`)
  t.equal(bar(5, 10), `${'█'.repeat(15)}${'░'.repeat(15)}  50 %`)
  t.equal(bar(10, 10), `${'█'.repeat(30)} 100 %`)
  t.equal(bar(12, 10), bar(10, 10))
  t.equal(bar(999, 1000), `${'█'.repeat(30)}  99 %`, 'no 100 before the end')
  t.equal(bar(0, 0), bar(0, 10))
})

t.test('numbers as people read them', async (t) => {
  t.same([count(0), count(999), count(1234567)], ['0', '999', '1,234,567'])
  t.same([counted(1, 'key'), counted(0, 'key'), counted(2, 'copy', 'copies')], ['1 key', '0 keys', '2 copies'])
  t.same([0, 999, 1000, 1024, 150 * 1024, 1.5 * 1024 * 1024, 3 * 1024 ** 4, 5000 * 1024 ** 4].map(size), [
    '0 B',
    '999 B',
    '1.0 kB',
    '1.0 kB',
    '150 kB',
    '1.5 MB',
    '3.0 TB',
    '5000 TB',
  ])
  t.same([percent(0.24871), percent(0)], ['24.9 %', '0.0 %'])
  t.same([0, 0.24, 8, 9.96, 59.4, 59.6, 200, 3600, 7500].map(duration), [
    '0 s',
    '0.2 s',
    '8 s',
    '10 s',
    '59 s',
    '1 min 0 s',
    '3 min 20 s',
    '1 h 0 min',
    '2 h 5 min',
  ])
})
