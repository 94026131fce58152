/** Where a command writes to: the process's standard output, or a test. */
export interface Output {
  write(text: string): unknown
  readonly isTTY?: boolean
  readonly columns?: number
  readonly rows?: number
  hasColors?(): boolean
}

const STYLES = { bold: [1, 22], red: [31, 39], green: [32, 39], yellow: [33, 39], dim: [2, 22] } as const
export type Style = keyof typeof STYLES

/** How wide the terminal is; without end where there is none. */
export function columnsOf({ isTTY, columns }: Output): number {
  return isTTY === true ? columns || 80 : Number.POSITIVE_INFINITY
}

/** The text in a style, on a terminal that has such; elsewhere the text. */
export function styled(out: Output, style: Style, text: string): string {
  if (out.isTTY !== true || out.hasColors?.() !== true) return text
  const [on, off] = STYLES[style]
  return `\x1b[${on}m${text}\x1b[${off}m`
}

export interface Column {
  readonly head: string
  readonly align?: 'left' | 'right'
}

/** A column of numbers. */
export function right(head: string): Column {
  return { head, align: 'right' }
}

/**
 * Rows under heads, in columns that are as wide as they need. Columns without any content are left out.
 *
 * @param style for a cell that is padded already
 */
export function table(
  out: Output,
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  style: (text: string, column: number, row: number) => string = (text) => text,
): string {
  const used = columns.flatMap((column, i) => (rows.some((row) => row[i] !== '') ? [{ ...column, i }] : []))
  const widths = used.map(({ head, i }) => Math.max(head.length, ...rows.map((row) => row[i].length)))
  const line = (cells: readonly string[]) => cells.join('  ').trimEnd()
  const pad = (text: string, k: number) =>
    used[k].align === 'right' ? text.padStart(widths[k]) : text.padEnd(widths[k])
  const heads = styled(out, 'bold', line(used.map(({ head }, k) => pad(head, k))))
  const body = rows.map((row, r) => line(used.map(({ i }, k) => style(pad(row[i], k), i, r))))
  return `${[heads, ...body].join('\n')}\n`
}

const BAR_WIDTH = 30

/** A progress bar of so many signs with its percentage; `done` of `total`. */
export function bar(done: number, total: number, width = BAR_WIDTH): string {
  const part = total <= 0 ? 0 : Math.min(1, done / total)
  const filled = Math.round(part * width)
  return `${'█'.repeat(filled)}${'░'.repeat(width - filled)} ${String(Math.floor(part * 100)).padStart(3)} %`
}

const STYLE_OR_SIGN = /\x1b\[\d+m|[^\x1b]/gu

/** The line as far as so many columns show it, with a sign at its end that there is more: what sets a style takes no column, and is kept. */
export function cut(line: string, columns: number): string {
  const isStyle = (part: string) => part.length > 2
  const shown = (line.match(STYLE_OR_SIGN) ?? []).filter((part) => !isStyle(part)).length
  if (shown <= columns) return line
  let left = columns
  return line.replace(STYLE_OR_SIGN, (part) => (isStyle(part) || --left > 0 ? part : left === 0 ? '…' : ''))
}

/** The text in lines that begin so far on the right and stay within so many columns, broken between words. */
export function indented(text: string, by: number, columns: number): string[] {
  const lines: string[] = []
  for (const word of text.split(' ')) {
    const last = lines.at(-1)
    if (last === undefined || last.length + 1 + word.length >= columns) lines.push(`${' '.repeat(by)}${word}`)
    else lines[lines.length - 1] = `${last} ${word}`
  }
  return lines
}

/** Where there is no terminal what goes on is said so often. */
const LINES_EVERY_MS = 10_000

/**
 * How far a long work is: lines that are written over with every change on a terminal, and elsewhere now and then the lines as they are.
 * Nothing at all for scripts, which want JSON.
 */
export class Progress {
  private shown = 0
  private saidAtMs = performance.now()

  constructor(
    private readonly out: Output,
    private readonly quiet = false,
    private readonly everyMs = LINES_EVERY_MS,
  ) {}

  /** Of the terminal; without end where there is none. */
  get columns(): number {
    return columnsOf(this.out)
  }

  show(lines: readonly string[]): void {
    if (this.quiet) return
    if (this.out.isTTY !== true) {
      this.say(lines)
      return
    }
    const width = this.columns - 1
    // What is scrolled away cannot be written over: the first lines stay, and the last one of the terminal is for the cursor.
    const height = (this.out.rows || Number.POSITIVE_INFINITY) - 1
    const left = Math.max(1, height - 1)
    const fitting =
      lines.length <= height
        ? lines
        : [...lines.slice(0, left), `… ${lines.length - left} more lines: the terminal is too low`]
    this.out.write(`${this.erasing()}${fitting.map((line) => `${cut(line, width)}\n`).join('')}`)
    this.shown = fitting.length
  }

  /** Takes the lines away. */
  clear(): void {
    if (this.shown > 0) this.out.write(this.erasing())
    this.shown = 0
  }

  private say(lines: readonly string[]): void {
    const nowMs = performance.now()
    if (nowMs - this.saidAtMs < this.everyMs) return
    this.saidAtMs = nowMs
    this.out.write(lines.map((line) => `${line}\n`).join(''))
  }

  /** From the first column on: a terminal shows Ctrl-C as two signs, and the cursor stands behind them. */
  private erasing(): string {
    return this.shown === 0 ? '' : `\r\x1b[${this.shown}A\x1b[0J`
  }
}

/** `12,345` */
export function count(value: number): string {
  return Math.round(value).toLocaleString('en-US')
}

/** `1 key`, `12,345 keys` */
export function counted(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`
}

/** `1.5 MB` */
export function size(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB']
  let value = bytes
  let unit = 0
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1024
    unit++
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`
}

/** `24.9 %` of a fraction. */
export function percent(fraction: number): string {
  return `${(fraction * 100).toFixed(1)} %`
}

/** `0.4 s`, `18 s`, `3 min 20 s`, `2 h 5 min` */
export function duration(seconds: number): string {
  if (seconds < 9.95 && !Number.isInteger(seconds)) return `${seconds.toFixed(1)} s`
  const whole = Math.round(seconds)
  if (whole < 60) return `${whole} s`
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`
}
