import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { settingsPage } from '../scripts/settings-page.js'
import { optionsIn } from '../src/cli/command-text.js'
import { commandTexts } from '../src/cli/command-texts.js'
import { run } from './helpers/run.js'
import { MAIN } from './helpers/serve-process.js'
import { temporaryDirectory } from './helpers/temporary-directory.js'

/*
 * The book in docs/: every command of a block `sh` is run, in the order of the book, on real servers. The machines 10.0.0.11 and so on are
 * addresses of this one (127.x.y.z, each of which has all ports), and each has directories of its own for /etc and /var/lib.
 * Blocks `bash` need what a test has not (systemd, containers): what they name has to exist. Of servers and Sentinels that are services, it
 * does what systemd would.
 */

const repository = fileURLToPath(new URL('../../', import.meta.url))
const docs = join(repository, 'docs')
const read = (page: string) => readFileSync(join(docs, page), 'utf8')
const CHAPTERS = [...read('README.md').matchAll(/^\d+\. \[[^\]]+\]\(([^)]+)\)/gm)].map(([, page]) => page)
/** The old servers of "Migrating", and those that the reader has by then. */
const OLD = ['10.0.0.5', '10.0.0.6', '10.0.0.7', '10.0.0.8']
const MACHINES = ['10.0.0.11', '10.0.0.12', '10.0.0.13']

interface Block {
  readonly page: string
  readonly language: string
  readonly text: string
  /** What stands before it. */
  readonly before: string
}

function blocksOf(page: string): Block[] {
  const text = read(page)
  return [...text.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].map((match) => {
    return {
      page,
      language: match[1],
      text: match[2],
      before: text.slice(0, match.index).trimEnd().split('\n\n').at(-1) ?? '',
    }
  })
}

const net = `127.${1 + (process.pid % 250)}.${1 + (Math.floor(process.pid / 250) % 250)}.`
const root = temporaryDirectory(t)

const unit = readFileSync(join(repository, 'conf/dt.service'), 'utf8')
/** What the unit says goes before the settings; %S is where services have their state. */
const [STATE_FILE] = /^Environment=(DT_RING_STATE_FILE=\S+)$/m.exec(unit)?.slice(1) ?? []
const PROXY_AS_SERVICE = `test -e /var/lib/dt/dt-state.json
${STATE_FILE?.replace('%S', '/var/lib')} dt serve >> /var/lib/dt/log 2>&1 &
echo $! > /var/lib/dt/pid
until dt ping; do sleep 1; done`
/** What is added to the unit where there are several proxies. */
const [addition] = [...read('several-proxies.md').matchAll(/^cat > (\S+\.conf) <<EOF\n([\s\S]*?)^EOF$/gm)]
const [SERVE] = /^ExecStart=.*\/dist\/src\/main\.js (serve .*)$/m.exec(addition[2])?.slice(1) ?? []
const [STATELESS] = /^Environment=(DT_RING_STATE_FILE=\S+)$/m.exec(addition[2])?.slice(1) ?? []
const START_ONE_OF_SEVERAL = `test -e ${addition[1]}
DT_CONFIG_FILE=/etc/dt/dt.yaml ${STATELESS} dt ${SERVE} >> /var/lib/dt/log 2>&1 &
echo $! > /var/lib/dt/pid`
const STOP_PROXY = `kill $(cat /var/lib/dt/pid)
while kill -0 $(cat /var/lib/dt/pid) 2> /dev/null; do sleep 0.1; done`

const SERVICE = /^systemctl (enable --now|start|stop) ((?:redis-(?:server|sentinel) ?)+)$/gm

/** What systemd does with the services of the packages, on one of the machines. */
function asServices(text: string, machine: string, page: string): string {
  const start = { 'redis-server': '/etc/redis/redis.conf', 'redis-sentinel': '/etc/redis/sentinel.conf --sentinel' }
  return text
    .replace(/^systemctl enable --now dt$/m, page === 'several-proxies.md' ? START_ONE_OF_SEVERAL : PROXY_AS_SERVICE)
    .replace(/^systemctl restart dt$/m, `${STOP_PROXY}\n${START_ONE_OF_SEVERAL}`)
    .replace(/^systemctl disable --now dt$/m, STOP_PROXY)
    .replace(SERVICE, (_, what: string, units: string) => {
      const each = units.split(' ').map((unit) => {
        if (what !== 'stop') return `redis-server ${start[unit as keyof typeof start]} --daemonize yes`
        const port = unit === 'redis-server' ? 6379 : 26379
        return `redis-cli -h ${machine} -p ${port} -a a-long-secret --no-auth-warning shutdown nosave`
      })
      return each.join('\n')
    })
}

/** The commands as they are run here, on one of the machines. */
function here(text: string, machine: string): string {
  const place = join(root, machine)
  return (
    text
      .replaceAll('10.0.0.', net)
      .replace(/(?<![\w.])\/(etc|var\/lib)\b/g, `${place}/$1`)
      .replace(/^.*--follow$/gm, 'timeout --preserve-status -s INT 8 $&')
      // The user of the packages may be none of this machine.
      .replace(/^chown .*$/gm, '')
      .replace(/^timeout (.*?) dt /gm, `timeout $1 ${process.execPath} ${MAIN} `)
  )
}

const steps: { readonly name: string; readonly script: string }[] = []
for (const page of ['README.md', ...CHAPTERS]) {
  for (const [i, block] of blocksOf(page).entries()) {
    const isService = /^systemctl [a-z -]+ (?:redis-|dt\n)/.test(block.text)
    if (block.language !== 'sh' && !isService) continue
    const name = `${page}, block ${i + 1}`
    const given = /^ADDRESS=(.*)$/m.exec(block.text)
    const [only] = /On (10\.0\.0\.\d+) it is (?:started|stopped)/.exec(block.before)?.slice(1) ?? []
    const isOfEach = given !== null || /^On each machine/.test(block.before)
    const machines = isOfEach ? MACHINES : [only ?? MACHINES[0]]
    for (const machine of machines) {
      const text = given === null ? block.text : block.text.replace(given[0], `ADDRESS=${machine}`)
      steps.push({ name: `${name} on ${machine}`, script: here(asServices(text, machine, page), machine) })
    }
  }
}

function stopEverything(): void {
  for (const machine of [...OLD, ...MACHINES, '10.0.0.14']) {
    for (const port of ['6379', '26379', '7000']) {
      for (const password of [[], ['-a', 'a-long-secret', '--no-auth-warning']]) {
        const at = ['-h', machine.replace('10.0.0.', net), '-p', port]
        try {
          execFileSync('redis-cli', [...at, ...password, 'shutdown', 'nosave'], { stdio: 'ignore', timeout: 2000 })
        } catch {
          // It is not there.
        }
      }
    }
  }
}

/** The servers from which the reader comes. */
async function startOldServers(): Promise<void> {
  for (const machine of OLD) {
    const address = machine.replace('10.0.0.', net)
    const dir = join(root, machine)
    mkdirSync(dir, { recursive: true })
    const cluster = machine === '10.0.0.6' ? ['--cluster-enabled', 'yes'] : []
    const options = [
      '--bind',
      address,
      '--port',
      '6379',
      '--dir',
      dir,
      '--save',
      '',
      '--daemonize',
      'yes',
      '--protected-mode',
      'no',
    ]
    await run('redis-server', [...options, ...cluster])
    if (cluster.length > 0) await run('redis-cli', ['-h', address, 'cluster', 'addslotsrange', '0', '16383'])
    const keys = Array.from({ length: 100 }, (_, i) => `SET of:${machine}:${i} value`).join('\n')
    const asked = async () => (await run('redis-cli', ['-h', address], `${keys}\n`)).stdout
    for (let tries = 0; tries < 100 && !/^OK$/m.test(await asked()); tries++)
      await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

t.test('every command of the book does what it should, in the order of the book', async (t) => {
  t.teardown(stopEverything)
  await startOldServers()
  t.ok(steps.length > 15)
  const marked = steps.map(({ script }, i) => `echo "@@ ${i}"\n${script}`).join('\n')
  const file = join(root, 'book.sh')
  const path = join(root, 'bin')
  mkdirSync(path)
  writeFileSync(join(path, 'dt'), `#!/bin/sh\nexec ${process.execPath} ${MAIN} "$@"\n`, { mode: 0o755 })
  writeFileSync(file, `set -eo pipefail\nexec 2>&1\nexport PATH=${path}:$PATH\n${marked}\necho "@@ end"\n`)
  const env = { PATH: process.env.PATH, HOME: root }
  const book = spawn('bash', [file], { cwd: root, env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
  const stop = () => {
    try {
      if (book.pid !== undefined) process.kill(-book.pid, 'SIGKILL')
    } catch {
      // All of them have ended.
    }
  }
  t.teardown(stop)
  let output = ''
  book.stdout.on('data', (chunk) => (output += chunk))
  book.stderr.on('data', (chunk) => (output += chunk))
  const timer = setTimeout(stop, 400_000)
  await once(book, 'exit')
  clearTimeout(timer)
  const [last] = [...output.matchAll(/^@@ (\S+)$/gm)].at(-1)?.slice(1) ?? []
  const name = last === 'end' ? '' : steps[Number(last)]?.name
  t.equal(last, 'end', `${name}\n${output.slice(-3000)}`)
  const said = (pattern: RegExp) => t.match(output, pattern)
  said(/^world$/m)
  said(/dt-4 is a member/)
  said(/dt-4 has left/)
  said(/Every member is that already/)
  said(/all copies are equal/)
  said(/^again$/m)
  t.equal((output.match(/all of them are in the ring, and equal/g) ?? []).length, 6, 'each import was whole')
  t.notMatch(
    output,
    /^(?:ERR|CLUSTERDOWN|TRYAGAIN|NOAUTH|WRONGPASS|NOPERM|MISCONF|OOM) |^dt: (?!nothing answers on port 6380)/m,
  )
})

t.test(
  'servers that have their settings in /etc are services: they outlive a reboot, and have one owner',
  async (t) => {
    const texts = CHAPTERS.flatMap(blocksOf).map(({ text }) => text)
    for (const text of texts) t.notMatch(text, /^redis-server \/etc\//m)
    t.equal(texts.filter((text) => /^systemctl enable --now redis-server redis-sentinel$/m.test(text)).length, 1)
    t.ok(
      texts.some((text) => /^cat > \/etc\/redis\/sentinel\.conf[\s\S]*^chown -R redis:redis \/etc\/redis /m.test(text)),
    )
  },
)

t.test('nobody else reads the files with passwords', async (t) => {
  for (const name of ['password', 'servers-password']) {
    t.equal(statSync(join(root, MACHINES[0], 'etc/dt', name)).mode & 0o777, 0o600, name)
  }
})

t.test('what cannot be run here is there: files, options, services', async (t) => {
  for (const page of CHAPTERS) {
    for (const { language, text } of blocksOf(page)) {
      t.ok(['sh', 'bash', 'yaml', ''].includes(language), `${page}: a block is commands, or settings`)
      if (language !== 'bash') continue
      t.match(text, /^(apt-get install|systemctl|docker compose|kubectl apply) /)
      for (const [file] of text.matchAll(/\b(?:conf|docs)\/[\w./-]+/g)) t.ok(existsSync(join(repository, file)), file)
    }
  }
})

t.test(
  'every chapter is in the index, every link leads somewhere, every option of dt that is named exists',
  async (t) => {
    t.ok(CHAPTERS.length >= 8)
    const index = read('README.md')
    for (const page of readdirSync(docs).filter((name) => name.endsWith('.md') && name !== 'README.md')) {
      t.ok(index.includes(`(${page})`), `${page} is in the index`)
    }
    const options = new Set(commandTexts.flatMap((text) => optionsIn(text).map(({ name }) => name)))
    for (const page of ['README.md', ...CHAPTERS]) {
      const text = read(page)
      for (const [, target] of text.matchAll(/\]\(([^)#]+)(?:#[^)]*)?\)/g))
        t.ok(existsSync(join(dirname(join(docs, page)), target)), `${page}: ${target}`)
      for (const [, option] of text.matchAll(/`(--[a-z-]+)/g)) t.ok(options.has(option), `${page}: ${option}`)
      for (const [, name] of text.matchAll(/`dt ([a-z]+)/g))
        t.ok(
          commandTexts.some((each) => each.name === name),
          `${page}: dt ${name}`,
        )
    }
  },
)

t.test('the page of settings is what conf/dt.yaml says: npm run docs writes it', async (t) => {
  t.ok(read('settings.md') === settingsPage(), 'say: npm run docs')
})
