import { wallClockUs } from '../base/clock.js'
import { certificatesIn } from './files.js'

/** Why the first certificate of a PEM file is not valid at this moment; undefined when it is, or there is none. */
export function checkTimes(pem: Buffer | undefined, setting: string): string | undefined {
  if (pem === undefined) return undefined
  const [{ validFrom, validTo }] = certificatesIn(pem, setting)
  const nowMs = wallClockUs() / 1000
  if (Date.parse(validTo) < nowMs) return `${setting} has expired on ${validTo}`
  if (Date.parse(validFrom) > nowMs) return `${setting} is not valid before ${validFrom}`
  return undefined
}
