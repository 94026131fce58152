/* Express with express-session and connect-redis, and with express-rate-limit and rate-limit-redis: two servers of one site. */
import { once } from 'node:events'
import { RedisStore } from 'connect-redis'
import express from 'express'
import { rateLimit } from 'express-rate-limit'
import session from 'express-session'
import { RedisStore as LimitStore } from 'rate-limit-redis'
import { createClient } from 'redis'

const port = Number(process.argv[2])
const clients = []
const servers = []
async function site() {
  const client = await createClient({ url: `redis://127.0.0.1:${port}` }).connect()
  clients.push(client)
  const app = express()
  const store = new RedisStore({ client, prefix: 'site:', ttl: 60 })
  app.use(session({ store, secret: 'secret', resave: false, saveUninitialized: false }))
  const limitStore = new LimitStore({ sendCommand: (...args) => client.sendCommand(args) })
  app.use('/limited', rateLimit({ windowMs: 60_000, limit: 30, store: limitStore }), (_, res) => res.send('let in'))
  app.get('/visit', (req, res) => {
    req.session.visits = (req.session.visits ?? 0) + 1
    res.send(String(req.session.visits))
  })
  app.get('/sessions', async (_, res) => res.send(String(await store.length())))
  app.get('/leave', (req, res) => req.session.destroy(() => res.send('left')))
  const server = app.listen(0)
  await once(server, 'listening')
  servers.push(server)
  return `http://127.0.0.1:${server.address().port}`
}
const sites = [await site(), await site()]
const visitors = await Promise.all(
  Array.from({ length: 20 }, async (_, visitor) => {
    let cookie
    const ask = async (base, path) => {
      const response = await fetch(`${base}${path}`, { headers: cookie ? { cookie } : {} })
      cookie = response.headers.get('set-cookie')?.split(';')[0] ?? cookie
      return response.text()
    }
    let visits
    for (let i = 0; i < 10; i++) visits = await ask(sites[(visitor + i) % 2], '/visit')
    return { visits, leave: () => ask(sites[0], '/leave') }
  }),
)
console.log('visits', visitors.map(({ visits }) => visits).join(' '))
const ask = async (path) => (await fetch(`${sites[1]}${path}`)).text()
console.log('sessions', await ask('/sessions'), await visitors[0].leave(), await ask('/sessions'))
const statuses = await Promise.all(
  Array.from({ length: 50 }, (_, i) => fetch(`${sites[i % 2]}/limited`).then((r) => r.status)),
)
console.log(
  'let in',
  statuses.filter((status) => status === 200).length,
  'refused',
  statuses.filter((s) => s === 429).length,
)
for (const server of servers) server.close()
for (const client of clients) await client.close()
