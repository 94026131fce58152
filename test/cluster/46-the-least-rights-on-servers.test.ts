import { readFileSync } from 'node:fs'
import t, { type Test } from 'tap'
import { LocalRing } from '../../src/local/local-ring.js'
import { cases } from '../conformance/cases/index.js'
import { parseScript } from '../conformance/script.js'
import { AnotherProxy } from '../helpers/another-proxy.js'
import { startRedis } from '../helpers/proxy.js'
import { RawClient } from '../helpers/raw-client.js'
import { MEMBER_CONFIG } from '../helpers/ring.js'
import { comeBack, declareDown, PATIENT_MS } from '../helpers/sentinels.js'
import { temporaryDirectory } from '../helpers/temporary-directory.js'
import { until } from '../helpers/until.js'

/** What docs/security.md says that the links need. */
const [ON_SERVERS, ON_SENTINELS] = [
  ...readFileSync('docs/security.md', 'utf8').matchAll(/^ {4}(user dt on .*)$/gm),
].map(([, line]) => line)
const LOGIN = { username: 'dt', password: 'secret' }
/** These wait, or end something that others need. */
const NOT_RUN =
  /^(client\||monitor|quit|reset|subscribe|psubscribe|ssubscribe|hello|auth|acl\||b.*(pop|move)|wait|debug|shutdown|config\|set)/

t.test('a user with the least rights is enough for all that the proxy does on servers and Sentinels', async (t) => {
  const dir = temporaryDirectory(t)
  const memberConfig = [...MEMBER_CONFIG, ON_SERVERS]
  const ring = new LocalRing({ dir, nodes: 4, downAfterMs: PATIENT_MS, memberConfig })
  t.teardown(() => ring.stop())
  await ring.start()
  const ports = [...ring.members.map(({ port }) => port)]
  const sentinels = ring.sentinels.map(({ port }) => port)
  for (const port of sentinels) t.equal(await ask(port, ...setUser(ON_SENTINELS)), '+OK\r\n')
  const proxy = await AnotherProxy.started(t, ring, { config: { backend: LOGIN, sentinel: LOGIN } })
  const client = await RawClient.connect(proxy.port, 3)
  t.teardown(() => client.close())

  const lines = Object.entries(cases).flatMap(([name, script]) => (NOT_RUN.test(name) ? [] : parseScript(script)))
  const asked = lines.filter(
    ({ args, way }) => way !== 'silent' && args.length > 0 && !NOT_RUN.test(String(args[0]).toLowerCase()),
  )
  for (const { args } of asked) await client.ask(...args)
  t.ok(asked.length > 1000, `${asked.length} commands`)

  await ring.server('dt-2').kill()
  await declareDown(ring, 'dt-2')
  await client.ask('SET', 'while', 'it-is-away')
  await comeBack(ring, 'dt-2')
  const isStill = async () => String(await client.ask('DT', 'MIGRATIONS')) === '*0\r\n'
  await until('it is filled', isStill)
  const joining = await startRedis(t, '--appendonly', 'yes', '--maxmemory-policy', 'noeviction')
  t.equal(await ask(joining.port, ...setUser(ON_SERVERS)), '+OK\r\n')
  ports.push(joining.port)
  t.match(String(await client.ask('DT', 'ADD', 'dt-9', `127.0.0.1:${joining.port}`)), /^%/)
  const isMember = async () => String(await client.ask('DT', 'NODES')).includes('dt-9')
  await until('it is a member', async () => (await isMember()) && (await isStill()))
  await client.ask('DT', 'VERIFY', 'REPAIR')
  t.match(String(await client.ask('DT', 'REMOVE', 'dt-9')), /^%/)
  await until('it has left', async () => !(await isMember()) && (await isStill()))
  await nothingWasRefused(t, [...ports, ...sentinels])
})

async function nothingWasRefused(t: Test, ports: readonly number[]): Promise<void> {
  for (const port of ports) {
    const log = await ask(port, 'ACL', 'LOG', '100')
    t.same(log.match(/(?<=\r\nobject\r\n\$\d+\r\n).*/g) ?? [], [], 'nothing was refused')
  }
}

function setUser(line: string): string[] {
  return ['ACL', 'SETUSER', ...line.split(' ').slice(1)]
}

async function ask(port: number, ...args: string[]): Promise<string> {
  const client = await RawClient.connect(port)
  const reply = await client.ask(...args)
  client.close()
  return reply.toString()
}
