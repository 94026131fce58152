import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { delimiter, join } from 'node:path'
import { chromium, type Page } from 'playwright-core'
import t from 'tap'
import { startProxy } from '../helpers/proxy.js'
import { until } from '../helpers/until.js'

/*
 * The page in a browser. DT_SCREENSHOTS=folder keeps pictures of it in both schemes and three widths, for people to look at.
 */

const CHROMIUM = pathOf('chromium')
const SKIP = CHROMIUM === '' && 'chromium is not there; npm run test:page installs it'
const WIDTHS = [375, 768, 1280]

t.test('the page shows the ring as it is, and as it changes', { skip: SKIP }, async (t) => {
  const proxy = await startProxy(t, { nodes: 3, replicas: 1, sentinels: 1, config: { admin: { port: 0 } } })
  const { port } = proxy.proxy.adminAddress as { port: number }
  const client = await proxy.connect()
  await client.pipeline(Array.from({ length: 300 }, (_, i) => ['SET', `key:${i}`, 'x']))
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

  await shows('it serves', '#state', /^serving$/)
  const rows = () => page.$$eval('#members tr', (all) => all.map((row) => row.textContent ?? ''))
  t.equal((await rows()).length, 3)
  const parts = () => page.$$eval('#ring path[data-master]', (all) => all.length)
  t.equal(await parts(), 3 * 64)
  await until('the keys are counted', async () => {
    const counted = await page.$$eval('#members td:nth-child(5)', (all) => all.map((cell) => Number(cell.textContent)))
    return counted.reduce((sum, keys) => sum + keys, 0) === 300
  })

  await client.pipeline(Array.from({ length: 300 }, (_, i) => ['GET', `key:${i}`]))
  await until('how long each server takes is shown', async () => {
    const shown = await page.$$eval('#members td:nth-child(7)', (all) => all.map((cell) => cell.textContent ?? ''))
    return shown.length === 3 && shown.every((text) => /^[\d.]+ \/ [\d.]+$/.test(text))
  })
  const accessible = await violations(page)
  t.same(accessible, [], 'nothing keeps somebody from using it')

  await page.fill('#key', 'user:1234')
  await page.keyboard.press('Enter')
  await shows('where a key is', '#place', /^master dt-\d, copies on dt-\d$/)
  const [, master] = /^master (dt-\d)/.exec(await text('#place')) ?? []
  t.match((await client.ask('DT', 'LOCATE', 'user:1234')).toString(), master)
  t.equal(await page.$$eval('#ring .found', (all) => all.length), 1)
  await pictures(page)

  await proxy.ring.kill('dt-2')
  await shows('a server is away', '#state', /^serving, with warnings$/)
  await shows('and why', '#warnings', /dt-2: its link is down/)
  await shows('it is an event', '#events', /dt-2 was up and is suspect/)
  await pictures(page, '-away')
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
