import t from 'tap'
import { importedJson, importInto } from '../helpers/importing.js'
import { startProxy, startRedis } from '../helpers/proxy.js'
import { itemsOf, readReply, textOf } from '../helpers/raw-reply.js'

/*
 * `dt import` between what this system has and what is on the PATH, which is newer when `npm run test:newer` runs this: values that servers
 * write down in different ways, and those that one of them does not know.
 */

const NEWER = process.env.PATH
const proxy = await startProxy(t, { nodes: 2, replicas: 1, sentinels: 1 })
const ring = await proxy.connect()
const newer = await startRedis(t)
process.env.PATH = `/usr/bin:${NEWER}`
const older = await startRedis(t)
process.env.PATH = NEWER
const [oldSource, newSource] = [await older.connect(), await newer.connect()]
const urlOf = ({ port }: { port: number }) => `redis://127.0.0.1:${port}`
const knows = async (command: string) => {
  const listed = itemsOf(readReply(await newSource.ask('COMMAND', 'LIST'))).map((name) => textOf(name).toLowerCase())
  return listed.includes(command)
}

t.beforeEach(async () => {
  for (const client of [ring, oldSource, newSource]) await client.ask('FLUSHALL')
})

t.test('scores with many digits, from an older server', async (t) => {
  const scores = (count: number) => Array.from({ length: count }, (_, i) => [String(1 / (i + 3)), `m${i}`]).flat()
  await oldSource.pipeline([
    ['ZADD', 'small', ...scores(20), '-inf', 'least', '1e300', 'most'],
    ['ZADD', 'large', ...scores(1000)],
    ['GEOADD', 'geo', '13.361389', '38.115556', 'Palermo'],
  ])
  t.match(await importedJson(proxy.port, urlOf(older)), { code: 0, report: { copied: 3, compared: 3 } })
  t.match(await importedJson(proxy.port, urlOf(older)), { code: 0, report: { already: 3, compared: 3 } })
})

t.test('vector sets are copied, and compared by what they hold', async (t) => {
  if (!(await knows('vadd'))) return
  const vector = (i: number) => Array.from({ length: 8 }, (_, k) => String(Math.sin(i * 8 + k)))
  await newSource.pipeline([
    ...Array.from({ length: 300 }, (_, i) => ['VADD', 'vectors', 'VALUES', '8', ...vector(i), `e${i}`]),
    ['VSETATTR', 'vectors', 'e7', '{"year":1984}'],
    ['VADD', 'floats', 'VALUES', '3', '0.1', '0.2', '0.3', 'x', 'NOQUANT'],
  ])
  t.match(await importedJson(proxy.port, urlOf(newer)), { code: 0, report: { copied: 2, compared: 2 } })
  t.equal(String(await ring.ask('VCARD', 'vectors')), ':300\r\n')
  t.match(await importedJson(proxy.port, urlOf(newer)), { code: 0, report: { already: 2, compared: 2 } })
  await newSource.ask('VSETATTR', 'vectors', 'e7', '{"year":1985}')
  t.match(await importedJson(proxy.port, urlOf(newer)), {
    code: 1,
    report: { conflicts: { keys: 1, examples: [{ db: 0, key: 'vectors' }] } },
  })
  t.match(await importedJson(proxy.port, urlOf(newer), '--replace'), { code: 0, report: { copied: 2 } })
  await newSource.ask('VADD', 'vectors', 'VALUES', '8', ...vector(1000), 'e8')
  t.match(await importedJson(proxy.port, urlOf(newer)), { code: 1, report: { conflicts: { keys: 1 } } })
})

t.test('what the ring does not understand is named once, and all else is copied', async (t) => {
  process.env.PATH = `/usr/bin:${NEWER}`
  const proxy = await startProxy(t, { nodes: 1, replicas: 0, sentinels: 1 })
  process.env.PATH = NEWER
  await newSource.pipeline([
    ['SET', 'string', 'x'],
    ['HSET', 'hash', 'f', 'v'],
  ])
  const dump = Buffer.from(textOf(readReply(await newSource.ask('DUMP', 'string'))), 'latin1')
  const isUnderstood = String(await oldSource.ask('RESTORE', 'string', '0', dump)) === '+OK\r\n'
  const { code, text } = await importInto(proxy.port, urlOf(newer))
  t.equal(code, isUnderstood ? 0 : 1, text)
  if (isUnderstood) return
  t.match(
    text,
    /^2 keys: are not understood by the servers of the ring \(.*\): they are of a newer version, or a module$/m,
  )
  t.notMatch(text, /at the source, and not in the ring/)
})
