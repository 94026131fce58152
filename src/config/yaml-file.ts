import { readFileSync } from 'node:fs'
import { isMap, isSeq, LineCounter, parseDocument } from 'yaml'

/** The content of a YAML file, and where in it each value stands. */
export interface YamlFile {
  readonly path: string
  readonly content: Readonly<Record<string, unknown>>
  /** Line (from 1) of what stands under `path`, or of its nearest parent; undefined when not even that is there. */
  lineOf(path: readonly string[]): number | undefined
}

/** Reads a YAML file that holds a mapping (or nothing). Throws an Error with a message for people, with file and line. */
export function readYamlFile(path: string): YamlFile {
  const lines = new LineCounter()
  const document = parseDocument(readText(path), { lineCounter: lines, prettyErrors: false })
  const [problem] = document.errors
  if (problem) throw new Error(`${path}:${lines.linePos(problem.pos[0]).line}: ${problem.message}`)
  if (document.contents !== null && !isMap(document.contents)) {
    throw new Error(`${path}:1: must hold sections of settings, as \`listen:\` with \`port: 6380\` under it`)
  }
  return {
    path,
    content: toContent(path, document),
    lineOf: (wanted) => {
      const offset = offsetOf(document.contents, wanted)
      return offset === undefined ? undefined : lines.linePos(offset).line
    },
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? ''
    const reasons: Record<string, string> = {
      ENOENT: 'there is no such file',
      EACCES: 'permission denied',
      EISDIR: 'it is a directory',
    }
    throw new Error(`cannot read the settings in ${path}: ${reasons[code] ?? (error as Error).message}`)
  }
}

function toContent(path: string, document: ReturnType<typeof parseDocument>): Record<string, unknown> {
  try {
    return (document.toJS() ?? {}) as Record<string, unknown>
  } catch (error) {
    throw new Error(`${path}: ${(error as Error).message}`)
  }
}

function offsetOf(root: unknown, path: readonly string[]): number | undefined {
  let node = root
  let offset: number | undefined
  for (const step of path) {
    if (isMap(node)) {
      const pair = node.items.find(({ key }) => String(key) === step)
      if (!pair) break
      offset = (pair.key as { range?: [number] }).range?.[0] ?? offset
      node = pair.value
    } else if (isSeq(node)) {
      const item = node.items[Number(step)]
      offset = (item as { range?: [number] }).range?.[0] ?? offset
      node = item
    } else break
  }
  return offset
}
