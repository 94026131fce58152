import { createPrivateKey, generateKeyPairSync } from 'node:crypto'
import { createSecureContext } from 'node:tls'
import t from 'tap'
import { contextFault } from '../../src/tls/server-context.js'

const RIGHT = 'the right one'

function faultWith(key: Buffer, passphrase: string): { reason: string | undefined; fault: string } {
  try {
    createSecureContext({ key, passphrase })
  } catch (error) {
    return { reason: (error as { reason?: string }).reason, fault: contextFault(error as Error, { key, passphrase }) }
  }
  return { reason: undefined, fault: '' }
}

t.test('a wrong password is named, also one that seems to open the key', async (t) => {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: RIGHT })
  const key = Buffer.from(pem)
  t.equal(createPrivateKey({ key, passphrase: RIGHT }).type, 'private')
  const reasons = new Set<string>()
  // One in 256 wrong ones seems to.
  for (let i = 0; i < 5000 && reasons.size < 2; i++) {
    const { reason, fault } = faultWith(key, `wrong ${i}`)
    if (fault === '') continue
    t.equal(fault, 'the password of the key is not right', `${i}: ${reason}`)
    reasons.add(String(reason))
  }
  t.ok(reasons.size >= 2, [...reasons].join(', '))
})
