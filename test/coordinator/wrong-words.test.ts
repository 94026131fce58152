import t from 'tap'
import { wrongWords } from '../../src/coordinator/wrong-words.js'
import { encodeReply } from '../../src/resp/encode.js'
import { startRedis } from '../helpers/proxy.js'

/* What is wrong with a command is said as Redis says it, also when the command would be refused in any case. */

const redis = await startRedis(t)
const client = await redis.connect()

const WRONG = [
  'MIGRATE h 1 k 0 x',
  'MIGRATE h 1 k x 1000',
  'MIGRATE h 1 k 0 1000 NOSUCH',
  'MIGRATE h 1 k 0 1000 AUTH',
  'MIGRATE h 1 k 0 1000 AUTH2 user',
  'MIGRATE h 1 k x 1000 COPY replace AUTH2 user',
  'MIGRATE h 1 k x 1000 COPY KEYS a b',
  'MIGRATE h 1 k 99999999999999999999 1000 COPY',
  'MIGRATE h 1 k 0 1000 x KEYS a b',
  'REPLCONF x',
  'REPLCONF listening-port 1 x',
  'SHUTDOWN x',
  'SHUTDOWN NOSAVE SAVE',
  'SHUTDOWN NOSAVE ABORT',
  'SHUTDOWN ABORT',
  'SHUTDOWN NOW FORCE x',
]

t.test('as Redis says it', async (t) => {
  for (const line of WRONG) {
    const words = line.split(' ')
    const wrong = wrongWords(
      words[0].toLowerCase(),
      words.map((word) => Buffer.from(word)),
    )
    t.ok(wrong, line)
    t.equal(wrong && encodeReply(wrong, 2).toString(), String(await client.ask(...words)), line)
  }
})

t.test('nothing is wrong with what would be executed', async (t) => {
  for (const line of [
    'MIGRATE h 1 k 0 1000 COPY REPLACE AUTH p',
    'MIGRATE h 1  0 1000 AUTH2 u p KEYS a b',
    'REPLCONF',
    'REPLCONF listening-port 1',
    'SHUTDOWN',
    'SHUTDOWN nosave now FORCE',
    'SHUTDOWN SAVE',
    'PSYNC ? -1',
  ]) {
    const words = line.split(' ')
    t.equal(
      wrongWords(
        words[0].toLowerCase(),
        words.map((word) => Buffer.from(word)),
      ),
      undefined,
      line,
    )
  }
})
