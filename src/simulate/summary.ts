/** A set of samples in a few numbers; the percentiles are interpolated between neighbouring samples. */
export interface Summary {
  readonly min: number
  readonly p5: number
  readonly p25: number
  readonly median: number
  readonly p75: number
  readonly p95: number
  readonly max: number
  readonly mean: number
}

/** Summarizes at least one sample, given in any order. */
export function summarize(samples: readonly number[]): Summary {
  const sorted = Float64Array.from(samples).sort()
  const last = sorted.length - 1
  const percentile = (percent: number): number => {
    const place = (percent / 100) * last
    const below = Math.floor(place)
    return sorted[below] + (place - below) * (sorted[Math.min(below + 1, last)] - sorted[below])
  }
  return {
    min: sorted[0],
    p5: percentile(5),
    p25: percentile(25),
    median: percentile(50),
    p75: percentile(75),
    p95: percentile(95),
    max: sorted[last],
    mean: sorted.reduce((sum, sample) => sum + sample, 0) / sorted.length,
  }
}
