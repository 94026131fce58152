export type SvgAttributes = Readonly<Record<string, string | number>>

/** One SVG element as text. Children are elements made by this function, or texts made by `svgText`. */
export function svg(name: string, attributes: SvgAttributes = {}, ...children: readonly string[]): string {
  const written = Object.entries(attributes)
    .map(([key, value]) => ` ${key}="${typeof value === 'number' ? round(value) : escapeXml(value)}"`)
    .join('')
  if (children.length === 0) return `<${name}${written}/>`
  const inner = children.length === 1 && !children[0].startsWith('<') ? children[0] : `\n${children.join('\n')}\n`
  return `<${name}${written}>${inner}</${name}>`
}

/** Characters between tags. */
export function svgText(text: string): string {
  return escapeXml(text)
}

/** A hundredth of a pixel is exact enough, and keeps the file small. */
function round(value: number): number {
  return Math.round(value * 100) / 100
}

function escapeXml(text: string): string {
  return text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;').replace(/"/g, '&quot;')
}

/** Round numbers 0, step, 2 step, … that reach `max`, about `count` of them: the ticks of an axis. */
export function axisTicks(max: number, count: number): number[] {
  const rough = max / count
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = power * ([1, 2, 2.5, 5].find((factor) => factor * power >= rough) ?? 10)
  return Array.from({ length: Math.ceil(max / step - 1e-9) + 1 }, (_, i) => i * step)
}
