import type { Changeable, Checked, Settable } from './change.js'
import { bytesIn } from './values.js'

const CLASSES: readonly string[] = ['normal', 'slave', 'replica', 'pubsub']

/** `client-output-buffer-limit`: `class hard soft seconds …` [Redis config.c updateClientOutputBufferLimit]. */
export const BUFFER_LIMITS: Changeable = {
  shown: ({ config, pushLimits }) => {
    const { outputBufferHardBytes, outputBufferSoftBytes, outputBufferSoftMs } = config.limits
    const normal = shownLimit(outputBufferHardBytes, outputBufferSoftBytes, outputBufferSoftMs)
    const pubsub = shownLimit(pushLimits.hardBytes, pushLimits.softBytes, pushLimits.softMs)
    return `normal ${normal} slave ${config.replicas.bufferLimit} pubsub ${pubsub}`
  },
  check,
}

function shownLimit(hardBytes: number, softBytes: number, softMs: number): string {
  return `${hardBytes} ${softBytes} ${Math.ceil(softMs / 1000)}`
}

function check(server: Settable, value: string): Checked {
  const words = value.trim() === '' ? [] : value.trim().split(/\s+/)
  if (words.length % 4 !== 0) return 'Wrong number of arguments in buffer limit configuration.'
  const changes: (() => void)[] = []
  for (let i = 0; i < words.length; i += 4) {
    const kind = words[i].toLowerCase()
    if (!CLASSES.includes(kind)) return 'Invalid client class specified in buffer limit configuration.'
    const [hardBytes, softBytes] = [bytesIn(words[i + 1]), bytesIn(words[i + 2])]
    const seconds = /^\d+$/.test(words[i + 3]) ? Number(words[i + 3]) : undefined
    if (hardBytes === undefined || softBytes === undefined || seconds === undefined) {
      return 'Error in hard, soft or soft_seconds setting in buffer limit configuration.'
    }
    changes.push(() => set(server, kind, hardBytes, softBytes, seconds))
  }
  return () => {
    for (const change of changes) change()
  }
}

function set(
  { config, pushLimits }: Settable,
  kind: string,
  hardBytes: number,
  softBytes: number,
  seconds: number,
): void {
  const softMs = seconds * 1000
  if (kind === 'pubsub') Object.assign(pushLimits, { hardBytes, softBytes, softMs })
  else if (kind === 'normal') {
    config.limits.outputBufferHardBytes = hardBytes
    config.limits.outputBufferSoftBytes = softBytes
    config.limits.outputBufferSoftMs = softMs
  } else config.replicas.bufferLimit = shownLimit(hardBytes, softBytes, softMs)
}
