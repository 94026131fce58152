/*
 * The page of the proxy: draws what /events sends every second. Texts from the ring are set as text, never as markup.
 */

const SVG = 'http://www.w3.org/2000/svg'
const CIRCLE = 2 ** 32
const COLOURS = 8
const byId = (id) => document.getElementById(id)

/** The ranges as they were last sent, and where the key is that somebody looks for. */
let ranges = []
let found
/** The key that was asked for, and the epoch in which. */
let sought
let locatedIn
let latest

function make(name, properties = {}, ...children) {
  const element = document.createElement(name)
  Object.assign(element, properties)
  element.append(...children)
  return element
}

function draw(name, attributes) {
  const element = document.createElementNS(SVG, name)
  for (const [attribute, value] of Object.entries(attributes)) element.setAttribute(attribute, value)
  return element
}

const count = (value) => Math.round(value).toLocaleString('en-US')
const percent = (share) => `${(share * 100).toFixed(1)} %`

function size(bytes) {
  const units = ['B', 'kB', 'MB', 'GB', 'TB']
  let unit = 0
  let value = bytes
  for (; value >= 1000 && unit < units.length - 1; unit++) value /= 1024
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`
}

function duration(seconds) {
  if (seconds < 60) return `${Math.round(seconds)} s`
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)} min`
  return `${Math.floor(seconds / 86400)} d ${Math.floor((seconds % 86400) / 3600)} h`
}

/** Names keep their colours as long as they are there. */
const colourOf = (name) => {
  const at = latest.members.findIndex((member) => member.name === name)
  return at < 0 ? 'var(--soft)' : `var(--m${at % COLOURS})`
}

const angleOf = (identifier) => (identifier / CIRCLE) * 2 * Math.PI

function point(angle, radius) {
  return `${(Math.sin(angle) * radius).toFixed(2)} ${(-Math.cos(angle) * radius).toFixed(2)}`
}

/** The part of a ring between two radii, clockwise. */
function arc(from, to, inner, outer) {
  const start = angleOf(from)
  let end = angleOf(to)
  if (end <= start) end += 2 * Math.PI
  // A whole circle has no two ends for SVG.
  end = Math.min(end, start + 2 * Math.PI - 0.001)
  const large = end - start > Math.PI ? 1 : 0
  return `M${point(start, outer)} A${outer} ${outer} 0 ${large} 1 ${point(end, outer)} L${point(end, inner)} A${inner} ${inner} 0 ${large} 0 ${point(start, inner)}Z`
}

function drawRing() {
  const ring = byId('ring')
  const parts = [ring.querySelector('title')]
  const patterns = draw('defs', {})
  latest.members.forEach((member, i) => {
    const pattern = draw('pattern', {
      id: `h${i}`,
      width: 4,
      height: 4,
      patternUnits: 'userSpaceOnUse',
      patternTransform: 'rotate(45)',
    })
    pattern.append(draw('rect', { width: 2, height: 4, fill: colourOf(member.name) }))
    patterns.append(pattern)
  })
  parts.push(patterns)
  for (const { from, to, replicas, pending } of ranges) {
    const part = draw('path', {
      d: arc(from, to, 76, 100),
      fill: colourOf(replicas[0]),
      'data-master': replicas[0] ?? '',
    })
    const about = draw('title', {})
    about.textContent = `${replicas.join(', ')}${pending.length > 0 ? `; to ${pending.join(', ')}` : ''}`
    part.append(about)
    parts.push(part)
    pending.forEach((name) => {
      const at = latest.members.findIndex((member) => member.name === name)
      parts.push(
        draw('path', { d: arc(from, to, 66, 74), fill: at < 0 ? 'var(--soft)' : `url(#h${at})`, 'data-pending': name }),
      )
    })
  }
  if (found !== undefined) {
    const angle = angleOf(found.identifier)
    const line = draw('path', { d: `M${point(angle, 60)} L${point(angle, 106)}`, class: 'found' })
    const spot = draw('circle', { r: 3.5, fill: 'var(--ink)' })
    const [x, y] = point(angle, 106).split(' ')
    spot.setAttribute('cx', x)
    spot.setAttribute('cy', y)
    parts.push(line, spot)
  }
  const middle = draw('text', { y: -2 })
  const out = latest.members.filter(({ state }) => state === 'out').length
  const all = latest.members.length
  middle.textContent = out === 0 ? `${all} servers` : `${all - out} of ${all} servers`
  const below = draw('text', { y: 12, class: 'small-text' })
  below.textContent = `${latest.copies} copies of each key`
  ring.replaceChildren(...parts, middle, below)
  const moving = ranges.filter(({ pending }) => pending.length > 0).length
  const shares = latest.members.map(({ name, share }) => `${name} ${percent(share)}`).join(', ')
  byId('ring-text').textContent =
    ranges.length === 0
      ? 'No keys are served yet.'
      : `${ranges.length} token ranges; masters: ${shares}.${moving > 0 ? ` ${moving} move (hatched: who receives).` : ''}`
}

function stateOf({ state }) {
  return state === 'up' ? 'good' : state === 'suspect' ? 'warn' : 'bad'
}

function milliseconds(ms) {
  return ms < 10 ? ms.toFixed(2) : ms < 100 ? ms.toFixed(1) : Math.round(ms).toString()
}

const memory = (bytes, most) => (most === 0 ? size(bytes) : `${size(bytes)} of ${size(most)}`)
const cell = (text, className = '') => make('td', { className, textContent: text })
const timeOf = (at) => make('time', { dateTime: at.toISOString(), textContent: at.toLocaleTimeString('en-GB') })
/** Its direction of writing does not reach what stands beside it. */
const keyText = (key) => make('bdi', { className: 'key', textContent: key })

/** A table of rows, or a sentence where there are none. */
function showTable(name, rows, none) {
  byId(name).replaceChildren(...rows)
  byId(`${name}-table`).hidden = rows.length === 0
  say(`${name}-none`, rows.length === 0 ? none : '', 'small')
}

const KEYS_HIDDEN =
  'The names of keys are shown on the machine of the proxy alone, as localhost, or when admin.token is set.'

function showSlow() {
  const { slow, mayShowKeys } = latest
  const rows = slow.map(({ atMs, command, keys, moreKeys, tookMs, waitedMs, serverMs, proxyMs, member }) => {
    const what = make('td', {}, command)
    for (const key of keys) what.append(' ', keyText(key))
    if (moreKeys > 0)
      what.append(keys.length > 0 ? ` and ${moreKeys} more` : ` of ${moreKeys} ${moreKeys === 1 ? 'key' : 'keys'}`)
    const parts = [
      [waitedMs, 'waiting'],
      [serverMs, member === '' ? 'at servers' : `at ${member}`],
      [proxyMs, 'in the proxy'],
    ]
    const shown = parts.filter(([ms]) => ms >= tookMs / 100)
    const where = shown.map(([ms, text]) => `${milliseconds(ms)} ${text}`).join(', ')
    return make(
      'tr',
      {},
      make('td', {}, timeOf(new Date(atMs))),
      what,
      cell(milliseconds(tookMs), 'number'),
      cell(where),
    )
  })
  showTable('slow', rows, 'Nothing has been slow: SLOWLOG is empty.')
  if (rows.length > 0 && !mayShowKeys) say('slow-none', KEYS_HIDDEN, 'small')
}

function showHot() {
  const { hot, mayShowKeys } = latest
  const box = byId('hot-on')
  box.disabled = !mayShowKeys
  const rows = (hot ?? []).map(({ db, key, master, commands, commandsShare, bytes, bytesShare }) => {
    const name = make('td', {}, keyText(key))
    if (db !== 0) name.append(make('span', { className: 'why', textContent: `in database ${db}` }))
    const rate = commands < 0.1 ? '< 0.1' : commands < 10 ? commands.toFixed(1) : count(commands)
    return make(
      'tr',
      {},
      name,
      cell(master),
      cell(rate, 'number'),
      cell(percent(commandsShare), 'number'),
      cell(size(bytes), 'number'),
      cell(percent(bytesShare), 'number'),
    )
  })
  const idle = box.checked
    ? 'No key has more than a hundredth of what was asked in the last seconds.'
    : 'Nothing is counted now, and it costs nothing.'
  showTable('hot', rows, mayShowKeys ? idle : KEYS_HIDDEN)
}

function showMembers() {
  byId('members').replaceChildren(
    ...latest.members.map((member) => {
      const { name, address, state, version, share, keys, outstanding, latencyMs, why } = member
      const { memoryBytes, memoryMaxBytes, commands } = member
      const spot = make('span', { className: 'spot' })
      spot.style.background = colourOf(name)
      const about = make('td', {}, make('span', { className: stateOf(member), textContent: state }))
      if (why !== '') about.append(make('span', { className: 'why', textContent: why }))
      const head = make('th', { scope: 'row', title: address }, spot, name)
      head.append(make('span', { className: 'why', textContent: version }))
      return make(
        'tr',
        {},
        head,
        about,
        cell(percent(share), 'number'),
        cell(keys === null ? '' : count(keys), 'number'),
        cell(memoryBytes === null ? '' : memory(memoryBytes, memoryMaxBytes), 'number'),
        cell(commands === null ? '' : count(commands), 'number'),
        cell(count(outstanding), 'number'),
        cell(latencyMs === null ? '' : `${milliseconds(latencyMs.half)} / ${milliseconds(latencyMs.most)}`, 'number'),
      )
    }),
  )
}

function showMigrations() {
  const lines = latest.migrations.map(({ member, reason, keys, keysTotal, bytes, secondsLeft }) => {
    const left = secondsLeft === null ? '' : `, ${duration(secondsLeft)} left`
    const text = `${member} (${reason}): ${count(keys)} of about ${count(keysTotal)} keys, ${size(bytes)}${left}`
    const label = make('label', { className: 'small', textContent: text })
    label.append(make('progress', { max: Math.max(1, keysTotal), value: keys }))
    return label
  })
  byId('migrations').replaceChildren(
    ...(lines.length > 0 ? lines : [make('p', { className: 'small', textContent: 'No data moves.' })]),
  )
}

function showNumbers() {
  const { rates, clients, blocked, memoryBytes, keysInDoubt, waiting } = latest
  const numbers = [
    ['commands a second', count(rates.commands)],
    ['in', `${size(rates.receivedBytes)}/s`],
    ['out', `${size(rates.sentBytes)}/s`],
    ['clients', count(clients)],
    ['blocked', count(blocked)],
    ['commands waiting', count(waiting)],
    ['keys in doubt', count(keysInDoubt)],
    ["the proxy's memory", size(memoryBytes)],
  ]
  byId('numbers').replaceChildren(
    ...numbers.map(([name, value]) =>
      make('div', {}, make('dt', { textContent: name }), make('dd', { textContent: value })),
    ),
  )
}

function showEvents() {
  byId('events').replaceChildren(...latest.events.map(({ at, text }) => make('li', {}, timeOf(new Date(at)), text)))
}

/** Written only when it is something new: a screen reader says it then. */
function say(id, text, className) {
  const element = byId(id)
  if (element.textContent !== text) element.textContent = text
  element.className = className
}

function show(now) {
  latest = now
  if (now.ranges !== undefined) ranges = now.ranges
  const { version, ring, epoch, uptimeSeconds, sentinels, ready, why, warnings } = now
  byId('about').textContent =
    `${version}, ring ${ring}, epoch ${epoch}, up ${duration(uptimeSeconds)}, ${sentinels.reachable} of ${sentinels.known} Sentinels`
  if (!ready) say('state', `not serving: ${why}`, 'bad')
  else say('state', warnings.length > 0 ? 'serving, with warnings' : 'serving', warnings.length > 0 ? 'warn' : 'good')
  byId('warnings').replaceChildren(...warnings.map((text) => make('li', { textContent: text })))
  showNumbers()
  drawRing()
  showMembers()
  showMigrations()
  showEvents()
  showSlow()
  showHot()
  if (sought !== undefined && epoch !== locatedIn) locate()
}

byId('locate').addEventListener('submit', (event) => {
  event.preventDefault()
  sought = byId('key').value
  locate()
})

/** Where the key is that was asked for; asked anew whenever the ring has changed. */
async function locate() {
  const key = sought
  locatedIn = latest?.epoch
  let text
  try {
    const answer = await fetch(`locate?key=${encodeURIComponent(key)}`)
    if (!answer.ok) throw new Error(await answer.text())
    found = await answer.json()
    const [master, ...backups] = found.replicas
    text =
      master === undefined
        ? 'nowhere: no ring is served'
        : `master ${master}${backups.length > 0 ? `, copies on ${backups.join(', ')}` : ''}`
  } catch (failure) {
    text = `could not be asked: ${failure.message}`
  }
  if (key !== sought) return
  say('place', text, byId('place').className)
  if (latest !== undefined) drawRing()
}

/** What is told now; another one when hot keys are wanted, or no more. */
let source
function listen() {
  source?.close()
  source = new EventSource(byId('hot-on').checked ? 'events?hot' : 'events')
  source.addEventListener('message', ({ data }) => show(JSON.parse(data)))
  source.addEventListener('error', () => say('state', 'the proxy does not answer; trying again …', 'bad'))
}

byId('hot-on').addEventListener('change', listen)
listen()
