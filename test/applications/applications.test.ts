import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { compare, startPair } from './compare.js'
import { REPOSITORY } from './packages.js'
import { PROGRAMS } from './programs.js'

/** Those that need nothing but the packages of the tests; the others are for `npm run applications`. */
const QUICK = ['rate-limiter-flexible', 'ioredis', 'node-redis']

t.test('programs do the same work on Redis and on DT', async (t) => {
  const pair = await startPair(t)
  for (const name of QUICK) {
    const program = PROGRAMS.find((each) => each.name === name)!
    t.same((await compare(pair, program, false)).faults, [], name)
  }
})

t.test('the page of programs names each, with what it uses, and its file is there', async (t) => {
  const page = readFileSync(join(REPOSITORY, 'docs/applications.md'), 'utf8')
  for (const { name, language, file, uses, outlivesMember } of PROGRAMS) {
    t.ok(existsSync(join(REPOSITORY, 'applications', file)), file)
    const row = `| ${name} | ${language} | ${uses} | ${outlivesMember ? 'yes' : ''} |`
    t.ok(page.includes(`${row}\n`), row)
  }
})
