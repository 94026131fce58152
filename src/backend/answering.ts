/** A link whose replies are handled. */
export interface Answering {
  readonly name: string
  /** When the command was emitted whose reply is handed over, as the coarse clock had it. */
  readonly tick: number
}

/** Whose replies are being handled at this moment: for who asks why a client is answered now. */
export const answering: { by: Answering | undefined } = { by: undefined }

/** Handles replies of one. */
export function answeredBy(by: Answering, handle: () => void): void {
  answering.by = by
  try {
    handle()
  } finally {
    answering.by = undefined
  }
}
