import type { Link } from '../../../backend/link.js'

/** A value that is parked on some servers, under the same name. */
export class Placed {
  private readonly connections: ReadonlyMap<Link, unknown>

  /** @param links to which it is copied from now on */
  constructor(
    readonly name: Buffer,
    readonly links: readonly Link[],
  ) {
    this.connections = new Map(links.map((link) => [link, link.info]))
  }

  /** Whether it is there still: what is parked does not outlive the connection. */
  isOn(link: Link): boolean {
    return link.ready && this.connections.has(link) && this.connections.get(link) === link.info
  }
}

/** What has about so many bytes, in their order, cut so that no part has more than `most`, unless it is one alone. */
export function* batchesOf<Item extends { readonly bytes: number }>(
  items: readonly Item[],
  most: number,
): Generator<readonly Item[]> {
  let batch: Item[] = []
  let bytes = 0
  for (const item of items) {
    if (batch.length > 0 && bytes + item.bytes > most) {
      yield batch
      batch = []
      bytes = 0
    }
    batch.push(item)
    bytes += item.bytes
  }
  if (batch.length > 0) yield batch
}
