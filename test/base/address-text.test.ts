import t from 'tap'
import { addressIn, addressText } from '../../src/base/address-text.js'

t.test('an address is the one of its text', async (t) => {
  for (const address of [
    { host: '10.0.0.1', port: 1 },
    { host: 'redis-1.example', port: 65535 },
    { host: '::1', port: 6379 },
  ]) {
    t.strictSame(addressIn(addressText(address)), address)
  }
})

t.test('what is none is none', async (t) => {
  for (const text of [
    '',
    'host',
    'host:',
    ':6379',
    'host:0',
    'host:65536',
    'host:x',
    '::1:6379',
    '[host]:1',
    'a b:1',
    'host:1 ',
  ]) {
    t.equal(addressIn(text), undefined, text)
  }
})
