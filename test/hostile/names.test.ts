import t from 'tap'
import { startRedis } from '../helpers/proxy.js'
import { ServeProcess } from '../helpers/serve-process.js'

/* Names that would split a line of the log, or a reply, or play tricks with a terminal. */

const BAD = ['a\nb', 'a\r\nb', 'a\x1b[2Jb', 'a\x07b', 'a\0b', 'a b', '\x7f', 'a\x9b2Jb', 'é']

t.test('clients and libraries cannot have them, as with Redis', async (t) => {
  const redis = await startRedis(t)
  const serve = await ServeProcess.start(t, { nodes: 1, sentinels: 1 }, { 'ring.replicas': '0' })
  const [ours, theirs] = [await serve.connect(), await redis.connect()]
  for (const name of BAD) {
    for (const words of [
      ['CLIENT', 'SETNAME', name],
      ['HELLO', '2', 'SETNAME', name],
      ['CLIENT', 'KILL', 'USER', name],
      ['DT', 'ADD', `dt-${name}`, '127.0.0.1:1'],
      ['DT', 'REMOVE', `dt-${name}`],
    ]) {
      const reply = String(await ours.ask(...words))
      t.match(reply, /^-[^\r\n]*\r\n$|^:0\r\n$/, JSON.stringify(words))
      if (words[0] !== 'DT') t.equal(reply, String(await theirs.ask(...words)), JSON.stringify(words))
    }
    for (const attribute of ['LIB-NAME', 'LIB-VER']) {
      const reply = String(await ours.ask('CLIENT', 'SETINFO', attribute, name))
      t.match(reply, /^-ERR LIB-\w+ cannot contain spaces, newlines or special characters\.\r\n$/)
    }
  }
  t.match(String(await ours.ask('CLIENT', 'LIST')), / name= /)
})

for (const format of ['json', 'pretty']) {
  t.test(`users may have some of them, and their lines in the log stay lines: ${format}`, async (t) => {
    const settings = { 'ring.replicas': '0', 'log.level': 'info', 'log.format': format }
    const serve = await ServeProcess.start(t, { nodes: 1, sentinels: 1 }, settings)
    const client = await serve.connect()
    const before = serve.output.length
    for (const name of BAD) {
      await client.ask('ACL', 'SETUSER', `u${name}`, 'on', '>x', '+@all', '~*', '&*')
      const other = await serve.connect()
      await other.ask('AUTH', `u${name}`, 'x')
      await client.ask('ACL', 'SETUSER', 'other', `>${name}`)
      await client.ask('AUTH', `n${name}`, 'wrong')
      await client.ask(`no${name}`)
      other.send('POST / HTTP/1.1\r\n')
      await other.closed
      await client.ask('ACL', 'DELUSER', `u${name}`)
    }
    await client.ask('CONFIG', 'SET', `no${BAD[2]}`, 'x')
    const said = serve.output.slice(before)
    t.match(said, /the rights of a user were set/)
    t.notMatch(said, /[\x00-\x08\x0b-\x1f\x7f-\x9f]/)
    const isLine = format === 'json' ? /^\{.*\}$/ : /^(?:\[?\d|[A-Z]|\s)/
    for (const line of said.trimEnd().split('\n')) t.match(line, isLine)
  })
}
