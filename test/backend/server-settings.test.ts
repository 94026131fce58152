import t from 'tap'
import { unequalSettings, wishesOf } from '../../src/backend/server-settings.js'

const FIT = {
  'notify-keyspace-events': 'xE',
  'client-output-buffer-limit': 'normal 0 0 0 slave 268435456 67108864 60 pubsub 0 0 0',
  'maxmemory-policy': 'noeviction',
  'lazyfree-lazy-user-del': 'yes',
  'stream-node-max-entries': '100',
  'proto-max-bulk-len': '536870912',
}
const settings = (changed: Record<string, string> = {}) => new Map(Object.entries({ ...FIT, ...changed }))

t.test('what is to be set on a server', async (t) => {
  const wanted = (changed: Record<string, string>, kept?: Map<string, string>) =>
    wishesOf(settings(changed), kept).map(({ name, value }) => `${name} ${value}`)
  t.same(wanted({}), [])
  t.same(wishesOf(new Map()), [], 'of a server that tells nothing nothing is wanted')
  t.same(wanted({ 'notify-keyspace-events': '' }), ['notify-keyspace-events Ex'])
  t.same(wanted({ 'notify-keyspace-events': 'KA' }), ['notify-keyspace-events KAEx'], 'what it publishes already stays')
  t.same(wanted({ 'notify-keyspace-events': 'AKE' }), [])
  const ofFields = (flags: string) =>
    wishesOf(settings({ 'notify-keyspace-events': flags }), undefined, 'xh').map(({ value }) => value)
  t.same(ofFields('xE'), ['xEExh'], 'where fields of hashes expire, too')
  t.same([...ofFields('AE'), ...ofFields('hEx')], [])
  t.same(wanted({ 'client-output-buffer-limit': 'pubsub 33554432 8388608 60' }), [
    'client-output-buffer-limit pubsub 0 0 0',
  ])
  t.same(wanted({ 'maxmemory-policy': 'allkeys-lru' }), ['maxmemory-policy noeviction'])
  t.same(wanted({ 'lazyfree-lazy-user-del': 'no' }), ['lazyfree-lazy-user-del yes'])
  t.same(wanted({ 'min-replicas-to-write': '1' }), ['min-replicas-to-write 0'])
  t.same(wanted({ 'stream-node-max-entries': '7' }), [], 'it may have come so')
  t.same(
    wanted({ 'stream-node-max-entries': '7' }, settings()),
    ['stream-node-max-entries 100'],
    'and keeps what it had',
  )
  t.same(wanted({ 'proto-max-bulk-len': '1048576' }, settings()), [], 'this may be changed')
})

t.test('what two servers should have alike', async (t) => {
  t.same(unequalSettings(settings(), settings()), [])
  t.same(unequalSettings(settings({ 'lazyfree-lazy-user-del': 'no' }), settings()), [], 'this decides nothing')
  t.same(unequalSettings(settings({ 'stream-node-max-entries': '7' }), settings()), [
    { name: 'stream-node-max-entries', value: '7', otherValue: '100' },
  ])
  t.same(unequalSettings(new Map(), settings()), [])
})
