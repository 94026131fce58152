/** What the proxy says of itself at `/metrics`. */
export interface ProxyFigures {
  readonly rssBytes: number
  readonly heapBytes: number
  /** Of the event loop, since it was asked before. */
  readonly lagP99Ms: number
  readonly lagMostMs: number
}

/** Rejects when it does not answer. */
export async function askMetrics(port: number): Promise<ProxyFigures> {
  const answer = await fetch(`http://127.0.0.1:${port}/metrics`, { signal: AbortSignal.timeout(10_000) })
  const text = await answer.text()
  const figure = (name: string) => {
    const found = new RegExp(`^${name} (\\S+)$`, 'm').exec(text)
    if (found === null) throw new Error(`/metrics has no ${name}`)
    return Number(found[1])
  }
  return {
    rssBytes: figure('process_resident_memory_bytes'),
    heapBytes: figure('nodejs_heap_size_used_bytes'),
    lagP99Ms: figure('nodejs_eventloop_lag_p99_seconds') * 1000,
    lagMostMs: figure('nodejs_eventloop_lag_max_seconds') * 1000,
  }
}
