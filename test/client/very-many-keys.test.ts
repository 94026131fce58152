import { spawn } from 'node:child_process'
import { once } from 'node:events'
import t from 'tap'
import { LongestTurn } from '../helpers/longest-turn.js'
import { startProxy } from '../helpers/proxy.js'

/*
 * A command may have a million keys. Its server is busy with them for a while, as a Redis is; the proxy, through which all go, is not.
 */

const KEYS = 300_000
/** Of the processor. As one piece they took several times as long. */
const TURN_MS = 60
/** Keys of a WATCH, of which each is a question of its own. As one piece they took three seconds. */
const WATCHED = 100_000
/** The engine collects garbage now and then: the best one of some counts. */
const TIMES = 3

/** Sends the commands, on so many keys each, one after the other, in a process of its own; says what each was answered. */
const CLIENT = `
const [port, count, ...commands] = process.argv.slice(1)
const part = (text) => '$' + text.length + '\\r\\n' + text + '\\r\\n'
const parts = (withValue) => Array.from({ length: Number(count) }, (_, i) => part('key:' + i) + (withValue ? part('v') : '')).join('')
const [plain, valued] = [parts(false), parts(true)]
const socket = require('net').connect(Number(port), '127.0.0.1')
let got = 0, last = ''
const next = () => {
  const name = commands.shift()
  if (name === undefined) { socket.destroy(); return }
  const isSet = name === 'MSET'
  got = 0
  socket.write('*' + (1 + count * (isSet ? 2 : 1)) + '\\r\\n' + part(name) + (isSet ? valued : plain))
  wanted = name === 'MGET' ? ('*' + count + '\\r\\n').length + 7 * count : 0
}
let wanted = 0
socket.on('data', (data) => {
  if (got === 0) process.stdout.write(data.toString('latin1', 0, 20).split('\\r\\n')[0] + ' ')
  got += data.length
  if (got >= wanted) next()
})
next()
`

const REPLIES: Record<string, string> = { MSET: '+OK', MGET: `*${KEYS}`, WATCH: '+OK' }
const countOf = (command: string) => (command === 'WATCH' ? WATCHED : KEYS)

t.test(
  `no turn of the event loop is long while ${KEYS} keys are written, read and deleted by one command each`,
  async (t) => {
    const proxy = await startProxy(t, { nodes: 3, replicas: 1 })
    const commands = ['MSET', 'MGET', 'EXISTS', 'DEL', 'WATCH']
    const turns = new Map<string, number>()
    for (const command of Array.from({ length: TIMES }, () => commands).flat()) {
      const child = spawn(process.execPath, ['-e', CLIENT, String(proxy.port), String(countOf(command)), command])
      let said = ''
      child.stdout.on('data', (data) => {
        said += data
      })
      const turn = new LongestTurn()
      await once(child, 'close')
      turn.stop()
      turns.set(command, Math.min(turn.ms, turns.get(command) ?? Number.POSITIVE_INFINITY))
      t.equal(said.trim(), REPLIES[command] ?? `:${KEYS}`)
    }
    for (const [command, ms] of turns) t.ok(ms < TURN_MS, `${command}: ${Math.round(ms)} ms`)
  },
)
