import { readFileSync } from 'node:fs'
import { UserError } from '../base/user-error.js'
import type { Server } from './server.js'

/** Open files of the process itself: what Node opens, the listener, the state file, look-ups of names. */
const PROCESS_FILES = 40
/** Two connections that listen to a Sentinel, and one that tells it something; one more while one of them is made anew. */
const SENTINEL_FILES = 4
/** The link to a member; one more while it is made anew. */
const MEMBER_FILES = 2
/** How many members may come without taking files from clients. */
const MEMBERS_MIN = 16
/** Of what is kept for others so much is given to no client, whatever has been opened that was not reckoned with. */
const SPARE_FILES = 16

/**
 * How many files and connections this process may have open. Node raises its own limit to the hard one when it starts,
 * so it is the operator's. Infinity where the system does not tell.
 */
export const openFilesMax = readOpenFilesMax()

function readOpenFilesMax(): number {
  try {
    const [, soft] = /^Max open files +(\S+)/m.exec(readFileSync('/proc/self/limits', 'latin1')) ?? []
    return Number(soft) >= 0 ? Number(soft) : Number.POSITIVE_INFINITY
  } catch {
    return Number.POSITIVE_INFINITY // There is no /proc.
  }
}

/** Open files that clients do not get: without them no member that comes back could be connected. */
export function reservedFiles({ config, links }: Pick<Server, 'config' | 'links'>): number {
  const members = Math.max(MEMBERS_MIN, links.all().length)
  return PROCESS_FILES + SENTINEL_FILES * config.sentinel.addresses.length + MEMBER_FILES * members
}

/** Clients that may be connected at once: `limits.maxClients`, or as many as the limit of open files leaves. */
export function maxClients(server: Pick<Server, 'config' | 'links'>, filesMax = openFilesMax): number {
  return Math.min(server.config.limits.maxClients, filesMax - reservedFiles(server))
}

/** Whether a connection that got this descriptor uses what is kept: the system gives the lowest that is free. */
export function isSpare(fileDescriptor: number): boolean {
  return fileDescriptor >= openFilesMax - SPARE_FILES
}

/**
 * Warns when the limit of open files leaves less clients than the settings say.
 *
 * @throws UserError when it leaves none
 */
export function checkOpenFiles(server: Pick<Server, 'config' | 'links' | 'log'>, filesMax = openFilesMax): void {
  const wanted = server.config.limits.maxClients
  const max = maxClients(server, filesMax)
  if (max >= wanted) return
  const reserved = reservedFiles(server)
  const limit = `this process may have ${filesMax} files open (ulimit -n), and ${reserved} of them are kept for members, Sentinels and its own files`
  const cure = `allow more (ulimit -n ${wanted + reserved}), or set limits.maxClients lower`
  if (max < 1) throw new UserError(`no client could be accepted: ${limit}; ${cure}`)
  server.log.warn(
    { event: 'clients-limited', openFiles: filesMax, reserved, maxClients: max },
    `at most ${max} clients, not ${wanted}: ${limit}; ${cure}`,
  )
}
