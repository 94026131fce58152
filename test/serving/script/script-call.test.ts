import t from 'tap'
import { rowNamed } from '../../../src/command/table.js'
import { argumentOf, type Frame, frameOf } from '../../../src/resp/frame.js'
import { wrap } from '../../../src/serving/script/script.js'
import { callFrame, clientsFrame, clientsWords, directFrame } from '../../../src/serving/script/script-call.js'

const script = wrap(Buffer.from("return redis.call('incrby', KEYS[1], ARGV[1])"), 1000)

const wordsOf = (frame: Frame) => Array.from({ length: frame.argc }, (_, i) => argumentOf(frame, i).toString('latin1'))
const bytesOf = ({ buf, start, end }: Frame) => buf.toString('latin1', start, end)

/** As the request framer gives it: with something before it and behind it. */
function among(words: readonly string[]): Frame {
  const { buf, argc, argStart, argEnd } = frameOf(words)
  const shifted = (places: ArrayLike<number>) => Array.from(places, (place) => place + 5)
  return {
    ...{
      buf: Buffer.concat([Buffer.from('PING\n'), buf, Buffer.from('*1\r\n$4\r\nPING\r\n')]),
      start: 5,
      end: 5 + buf.length,
    },
    ...{ argc, argStart: shifted(argStart), argEnd: shifted(argEnd), owned: false },
  }
}

for (const [name, readsOnly] of [
  ['eval', false],
  ['evalsha', false],
  ['evalsha_ro', true],
] as const) {
  for (const outOfMemory of [false, true]) {
    for (const rest of [['0'], ['1', 'k'], ['2', 'k', '', 'a\r\nb', ''], ['0', 'x'.repeat(300)]]) {
      t.test(`${name}, ${rest.length} words, memory: ${!outOfMemory}`, async (t) => {
        const words = [name, name === 'eval' ? String(script.source) : script.sha, ...rest]
        const how = { readsOnly, outOfMemory }
        const hand = { numkeys: Number(rest[0]), places: undefined, extra: [], answers: [] }
        const direct = directFrame(script, among(words), how)
        const built = callFrame(script, among(words), hand, how)
        t.equal(bytesOf(direct), bytesOf(built), 'what is taken as it stands is what would be put together')
        t.same(wordsOf(direct), wordsOf(built))
        t.same(wordsOf(clientsFrame(script, rowNamed(name)!, direct)), words, 'and tells what its client has sent')
      })
    }
  }
}

t.test('what stands before what it may touch is none of its client’s words', async (t) => {
  const leaves = wrap(Buffer.from("return redis.call('incrby', KEYS[1] .. '', ARGV[1])"), 1000)
  const words = ['1', 'k', '5']
  const answers = [{ question: [Buffer.from('dbsize')], kind: 'i' as const, values: ['3'] }]
  for (const word of ['', 'tab12:7 ', 'tab12:7 +']) {
    for (const told of [[], answers]) {
      const hand = { numkeys: 1, places: undefined, extra: [Buffer.from('k:more')], answers: told }
      const place = { word, sent: () => {}, broke: () => {} }
      const how = { readsOnly: false, outOfMemory: false, place }
      const sent = callFrame(leaves, among(['evalsha', leaves.sha, ...words]), hand, how)
      const behind = Array.from({ length: sent.argc - 2 }, (_, i) => argumentOf(sent, i + 2))
      t.same(clientsWords(behind).map(String), words, `'${word}', ${told.length} answers`)
    }
  }
})
