import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { delimiter, join } from 'node:path'
import { chromium, type Page } from 'playwright-core'
import t from 'tap'
import { startProxy, startRedis } from '../helpers/proxy.js'
import { itemsOf, readReply, textOf } from '../helpers/raw-reply.js'
import { fieldsOf, keysAt } from '../helpers/ring-state.js'
import { declareDown } from '../helpers/sentinels.js'
import { until } from '../helpers/until.js'

/*
 * The page in a browser. DT_SCREENSHOTS=folder keeps pictures of it in both schemes and three widths, for people to look at.
 */

const CHROMIUM = pathOf('chromium')
const SKIP = CHROMIUM === '' && 'chromium is not there; npm run test:page installs it'
const WIDTHS = [375, 768, 1280]
const KEYS = 300

/** So slow that somebody sees what moves. */
const BYTES_PER_SECOND = 200_000

t.test('the page shows the ring as it is, and as it changes', { skip: SKIP }, async (t) => {
  const config = { admin: { port: 0 }, migration: { maxBytesPerSecond: BYTES_PER_SECOND } }
  const proxy = await startProxy(t, { nodes: 3, replicas: 1, sentinels: 1, config })
  const { port } = proxy.proxy.adminAddress as { port: number }
  const client = await proxy.connect()
  await client.pipeline(Array.from({ length: KEYS }, (_, i) => ['SET', `key:${i}`, 'x'.repeat(10_000)]))
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] })
  t.teardown(() => browser.close())
  const page = await browser.newPage()
  const complaints: string[] = []
  page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()))
  page.on('pageerror', (error) => complaints.push(error.message))
  await page.goto(`http://127.0.0.1:${port}/`)
  const text = async (selector: string) => (await page.textContent(selector)) ?? ''
  const shows = (what: string, selector: string, pattern: RegExp) =>
    until(what, async () => pattern.test(await text(selector)))
  /** What stands in this column, the first being the name. */
  const column = (at: number) =>
    page.$$eval(`#members tr > :nth-child(${at})`, (all) => all.map((cell) => cell.textContent ?? ''))
  const parts = (kind: string) =>
    page.$$eval(`#ring path[data-${kind}]`, (all, kind) => all.map((path) => path.getAttribute(`data-${kind}`)), kind)

  /** Two of three commands ask for one key. Whether it is shown by now. */
  const askAndSeeHot = async () => {
    await client.pipeline(Array.from({ length: 100 }, (_, i) => ['GET', i % 3 === 0 ? `key:${i}` : 'the hot one']))
    return /^the hot onedt-\d[\d,.]+6\d\.\d %/.test(await text('#hot'))
  }

  await t.test('its numbers are those of DT NODES', async (t) => {
    await shows('it serves', '#state', /^serving$/)
    t.equal((await parts('master')).length, 3 * 64)
    await until('the keys are counted', async () => {
      return (await column(4)).reduce((sum, keys) => sum + Number(keys), 0) === KEYS
    })
    await until('the memory of each, and what it does', async () => {
      const [memory, does] = [await column(5), await column(6)]
      return memory.every((text) => /^[\d.]+ MB/.test(text)) && does.every((text) => /^\d+$/.test(text))
    })
    const nodes = itemsOf(readReply(await client.ask('DT', 'NODES'))).map(fieldsOf)
    const said = nodes.map((node) => {
      const field = (name: string) => textOf(node.get(name)!)
      const share = `${(Number(field('share')) * 100).toFixed(1)} %`
      return [field('name') + field('version'), field('state'), share, field('keys-mastered')]
    })
    const shown = await Promise.all([1, 2, 3, 4].map(column))
    t.same(
      shown[0].map((_, i) => shown.map((cells) => cells[i])),
      said,
    )
  })

  await t.test('how long servers take, what was slow, and which keys are hot', async () => {
    const direct = await proxy.connectTo('dt-1')
    await client.pipeline(Array.from({ length: KEYS }, (_, i) => ['GET', `key:${i}`]))
    await until('how long each server takes', async () => {
      return (await column(8)).every((text) => /^[\d.]+ \/ [\d.]+$/.test(text))
    })
    const [key] = await keysAt(client, 'dt-1', 0, 1)
    // A pause may be over before this process, which is the proxy and the browser's driver as well, has sent what should meet it.
    await until('a slow command, with its key and its server', async () => {
      await direct.ask('CLIENT', 'PAUSE', '100')
      await client.ask('GET', key)
      return /GET key:[\d.]+ at dt-1/.test(await text('#slow'))
    })
    await shows('nothing is counted', '#hot-none', /^Nothing is counted now, and it costs nothing\.$/)
    await page.focus('#hot-on')
    await page.keyboard.press('Space')
    await until('what is hot', askAndSeeHot)
  })

  await t.test('who uses a keyboard or a screen reader can use it', async (t) => {
    t.same(await violations(page), [])
    await page.fill('#key', 'user:1234')
    await page.keyboard.press('Enter')
    await shows('where a key is', '#place', /^master dt-\d, copies on dt-\d$/)
    const [, master] = /^master (dt-\d)/.exec(await text('#place')) ?? []
    t.match((await client.ask('DT', 'LOCATE', 'user:1234')).toString(), master)
    t.equal(await page.$$eval('#ring .found', (all) => all.length), 1)
    await pictures(page)
  })

  await t.test('a server is killed', async () => {
    t.match(await text('#place'), 'dt-2')
    await proxy.ring.kill('dt-2')
    await shows('a server is away', '#state', /^serving, with warnings$/)
    await shows('and why', '#warnings', /dt-2: its link is down/)
    await shows('it is an event', '#events', /dt-2 was up and is suspect/)
    await pictures(page, '-away')
    await declareDown(proxy.ring, 'dt-2')
    await until('its parts have other masters', async () => !(await parts('master')).includes('dt-2'))
    await shows('the ring has two', '#ring', /2 of 3 servers/)
    await shows('the key has other copies', '#place', /^master dt-[13], copies on dt-[13]$/)
    await until(
      'its copies are made anew',
      async () => {
        return (await parts('pending')).length === 0 && (await text('#migrations')) === 'No data moves.'
      },
      60_000,
    )
  })

  await t.test('a server is added', async (t) => {
    const joining = await startRedis(t)
    t.notMatch(String(await client.ask('DT', 'ADD', 'dt-4', `127.0.0.1:${joining.port}`)), /^-/)
    await until('what it is to have is hatched', async () => (await parts('pending')).includes('dt-4'))
    await shows('how far it is', '#migrations', /dt-4 \(join\): [\d,]+ of about [\d,]+ keys/)
    await until('what is hot', askAndSeeHot)
    await pictures(page, '-joins')
    t.same(await violations(page), [])
    await until('it is a master', async () => (await parts('master')).includes('dt-4'), 60_000)
    await until('nothing is hatched any more', async () => (await parts('pending')).length === 0, 60_000)
    await shows('it is an event', '#events', /dt-4/)
    t.same(await column(1).then((names) => names.map((name) => name.slice(0, 4))), ['dt-1', 'dt-2', 'dt-3', 'dt-4'])
    t.match((await column(2))[3], /^up/)
  })
  t.same(complaints, [])
})

/** What axe finds that keeps somebody from using the page, by keyboard or with a screen reader. */
async function violations(page: Page): Promise<string[]> {
  const source = readFileSync(createRequire(import.meta.url).resolve('axe-core'), 'utf8')
  // The page lets in no scripts of others; what is evaluated comes from the browser.
  await page.evaluate(source)
  const found = await page.evaluate(
    'axe.run().then(({ violations }) => violations.map(({ id, nodes }) => id + ": " + nodes.map(({ html }) => html).join(" ")))',
  )
  return found as string[]
}

/** Nothing may be wider than the window. */
async function pictures(page: Page, about = ''): Promise<void> {
  const folder = process.env.DT_SCREENSHOTS
  for (const width of WIDTHS) {
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.setViewportSize({ width, height: 900 })
      await page.emulateMedia({ colorScheme })
      const tooWide = await page.evaluate('document.documentElement.scrollWidth - window.innerWidth')
      t.ok((tooWide as number) <= 0, `${width} wide: ${tooWide} too much`)
      if (folder === undefined) continue
      mkdirSync(folder, { recursive: true })
      await page.screenshot({ path: `${folder}/${colorScheme}-${width}${about}.png`, fullPage: true })
    }
  }
}

/** Empty when it is not on the PATH. */
function pathOf(program: string): string {
  const folders = (process.env.PATH ?? '').split(delimiter)
  return folders.map((folder) => join(folder, program)).find((path) => existsSync(path)) ?? ''
}
