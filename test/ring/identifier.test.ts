import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { Redis } from 'ioredis'
import t, { type Test } from 'tap'
import { freePorts } from '../../src/local/ports.js'
import { fingerprint32, identifierOfKey, identifierOfVirtualNode } from '../../src/ring/identifier.js'

t.test('fingerprint32 gives the values it has always given', async (t) => {
  // The first four are also in the tests of the Go port (dgryski/go-farm): 0xdc56d17a, 0x3c973d4d, 0x2f635ec7, 0x98b51e95.
  const golden: [Buffer | string, number][] = [
    ['', 3696677242],
    ['a', 1016544589],
    ['abc', 795041479],
    ['abcd', 2562006677],
    ['hello', 2039911270],
    ['hello world', 430397466],
    ['user:1000', 1391042307],
    ['key:000000000042', 4208833618],
    ['the quick brown fox jumps over the lazy dog', 2669486589],
    ['ключ', 2684313901],
    [Buffer.from([0, 13, 10, 255]), 1847387683],
    [Buffer.alloc(1000, 'x'), 1495674210],
  ]
  for (const [bytes, value] of golden)
    t.equal(fingerprint32(bytes), value, JSON.stringify(bytes.toString().slice(0, 20)))
})

t.test('a string and its UTF-8 bytes have the same fingerprint', async () => {
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (s) => fingerprint32(s) === fingerprint32(Buffer.from(s))))
})

t.test('a virtual node is placed by the fingerprint of name#i', async (t) => {
  t.equal(identifierOfVirtualNode('dt-1', 0), 2716408611)
  t.equal(identifierOfVirtualNode('dt-4', 63), fingerprint32('dt-4#63'))
})

const identifierOf = (key: Buffer | string): number => {
  const bytes = Buffer.from(key)
  return identifierOfKey(bytes, 0, bytes.length)
}

t.test('keys with the same hash tag have the same identifier', async (t) => {
  t.equal(identifierOf('{user:1}:cart'), fingerprint32('user:1'))
  t.equal(identifierOf('orders{user:1}'), fingerprint32('user:1'))
  t.equal(identifierOf('a{user:1}b{user:2}'), fingerprint32('user:1'), 'the first tag counts')
  t.equal(identifierOf('foo{{bar}}zap'), fingerprint32('{bar'), 'from the first { to the first } after it')
  t.equal(identifierOf('}{user:1}'), fingerprint32('user:1'), 'a } before it means nothing')
})

t.test('a key without a hash tag counts as a whole', async (t) => {
  for (const key of ['', 'plain', 'foo{}{bar}', '{}', '{', '}', 'a{bc', 'a}b{c'])
    t.equal(identifierOf(key), fingerprint32(key), key)
})

t.test('the key is what lies between start and end', async (t) => {
  const buf = Buffer.from('{x}before{y}after}')
  t.equal(identifierOfKey(buf, 3, 9), fingerprint32('before'))
  t.equal(identifierOfKey(buf, 9, 11), fingerprint32('{y'), 'a } behind the end is not seen')
  t.equal(identifierOfKey(buf, 3, 3), fingerprint32(''))
})

t.test('hash tags are found as Redis Cluster finds them', async (t) => {
  const redis = await startClusterServer(t)
  const letter = fc.constantFrom(...'{{{}}}ab'.split(''), '\0', 'é', '\r\n')
  const key = fc.array(letter, { maxLength: 12 }).map((letters) => letters.join(''))
  const keys = fc.sample(key, { numRuns: 5000, seed: 1 })
  const slots = await Promise.all(keys.map((key) => redis.cluster('KEYSLOT', key)))
  const wrong = keys.filter((key, i) => {
    const part = hashTagPart(key)
    return slots[i] !== crc16(Buffer.from(part)) % 16384 || identifierOf(key) !== fingerprint32(part)
  })
  t.strictSame(wrong, [])
  t.ok(keys.filter((key) => hashTagPart(key) !== key).length > 500, 'many of the keys had a tag')
})

/** The rule once more, as a regular expression. */
function hashTagPart(key: string): string {
  return /^[^{]*\{([^}]+)\}/s.exec(key)?.[1] ?? key
}

/** CRC16-CCITT (XMODEM), of which a slot of Redis Cluster is the remainder [Redis crc16.c]. */
function crc16(bytes: Buffer): number {
  let crc = 0
  for (const byte of bytes) {
    crc ^= byte << 8
    for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? ((crc << 1) ^ 0x1021) & 0xffff : (crc << 1) & 0xffff
  }
  return crc
}

async function startClusterServer(t: Test): Promise<Redis> {
  const dir = mkdtempSync(join(tmpdir(), 'dt-identifier-'))
  const [port, clusterPort] = await freePorts(2)
  const args = [
    '--port',
    `${port}`,
    '--dir',
    dir,
    '--cluster-enabled',
    'yes',
    '--save',
    '',
    '--cluster-port',
    `${clusterPort}`,
  ]
  const server = spawn('redis-server', args, { stdio: 'ignore' })
  const redis = new Redis({ port, retryStrategy: () => 50, maxRetriesPerRequest: null })
  redis.on('error', () => {}) // not listening yet
  t.teardown(async () => {
    redis.disconnect()
    const gone = new Promise((resolve) => server.once('exit', resolve))
    server.kill('SIGKILL')
    await gone
    rmSync(dir, { recursive: true })
  })
  await redis.ping()
  return redis
}
