import { version } from '../../base/version.js'
import { type Reply, verbatim } from '../../resp/encode.js'
import { CIRCLE_SIZE } from '../../ring/token-range.js'
import { shareMastered } from '../../view/share.js'
import type { View } from '../../view/view.js'
import type { Connection } from '../connection.js'
import { ringVersion } from '../ring-version.js'
import type { Server } from '../server.js'
import { NOT_AN_INTEGER, option, parseInt64 } from './arguments.js'

const RADIUS = 9
/** A character is about twice as high as it is wide. */
const WIDTH_FACTOR = 2
const SYMBOLS = '123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ'

/** LOLWUT [VERSION n] [anything]: the ring as a picture, identifier 0 at the top and clockwise from there. */
export function lolwut(
  _client: Connection,
  args: readonly Buffer[],
  server: Pick<Server, 'views' | 'config' | 'order'>,
): Reply {
  if (args.length > 2 && option(args[1]) === 'version' && parseInt64(args[2]) === undefined) return NOT_AN_INTEGER
  const view = server.views.current
  const { redisVersion } = ringVersion(server)
  const lines = [...drawRing(view), '', ...legend(view), '', `Diminished Triad ${version}, Redis ver. ${redisVersion}`]
  return verbatim('txt', `${lines.join('\n')}\n`)
}

/** Each place on the circle shows the member that is the master of the identifier there. */
export function drawRing(view: View): string[] {
  const { ring, epoch } = view
  const lines: string[] = []
  for (let y = -RADIUS; y <= RADIUS; y++) {
    let line = '  '
    for (let column = -RADIUS * WIDTH_FACTOR; column <= RADIUS * WIDTH_FACTOR; column++) {
      const x = column / WIDTH_FACTOR
      const onCircle = Math.abs(Math.hypot(x, y) - RADIUS) < 0.5
      line += onCircle && ring.size > 0 ? symbol(masterAt(view, identifierAt(x, y))) : ' '
    }
    lines.push(line)
  }
  const title = ring.size === 0 ? 'no members' : `epoch ${epoch}`
  const middle = lines[RADIUS]
  const start = 2 + RADIUS * WIDTH_FACTOR - Math.floor(title.length / 2)
  lines[RADIUS] = middle.slice(0, start) + title + middle.slice(start + title.length)
  return lines.map((line) => line.trimEnd())
}

function legend(view: View): string[] {
  const names = view.members.map(({ name }, i) => {
    const percent = (shareMastered(view, name) * 100).toFixed(1)
    return `  ${symbol(i)} ${name} ${percent.padStart(5)} %`
  })
  const copies = Math.min(view.replicas + 1, view.members.length)
  return [
    ...names,
    '',
    `  ${copies} ${copies === 1 ? 'copy' : 'copies'} of every key: its master and the next clockwise`,
  ]
}

/** The position among the members. */
function masterAt({ ring, setOfRange, members }: View, identifier: number): number {
  const [master] = setOfRange[ring.rangeOf(identifier)].natural
  return members.findIndex(({ name }) => name === master.name)
}

function symbol(member: number): string {
  return SYMBOLS[member] ?? '*'
}

/** The identifier in the direction of (x, y), y downwards. */
function identifierAt(x: number, y: number): number {
  const turn = (Math.atan2(x, -y) / (2 * Math.PI) + 1) % 1
  return Math.min(CIRCLE_SIZE - 1, Math.floor(turn * CIRCLE_SIZE))
}
