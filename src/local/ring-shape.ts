import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { UserError } from '../base/user-error.js'

/** What decides where keys are: a ring that has data cannot be started with other values. */
export interface Shape {
  readonly nodes: number
  readonly replicas: number
  readonly virtualNodes: number
}

/**
 * The shape that an earlier `dt up` noted in `file`, or undefined when there is none.
 *
 * @throws UserError when the file is there and cannot be used
 */
export function readShape(file: string): Shape | undefined {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
  const shape = parse(text)
  if (shape !== undefined) return shape
  throw new UserError(
    `${file}, which notes the number of servers and of backups of the ring, cannot be used; delete it and give both ` +
      'as --nodes and --replicas, or begin anew with --fresh',
  )
}

/** Notes the shape: whatever happens, the file has its old content or the new one. */
export function writeShape(file: string, { nodes, replicas, virtualNodes }: Shape): void {
  const open = openSync(`${file}.new`, 'w')
  try {
    writeFileSync(open, `${JSON.stringify({ nodes, replicas, virtualNodes })}\n`)
    fsyncSync(open)
  } finally {
    closeSync(open)
  }
  renameSync(`${file}.new`, file)
}

function parse(text: string): Shape | undefined {
  try {
    const { nodes, replicas, virtualNodes } = JSON.parse(text)
    return [nodes, replicas, virtualNodes].every(Number.isInteger) ? { nodes, replicas, virtualNodes } : undefined
  } catch {
    // What is no JSON is no shape.
    return undefined
  }
}
