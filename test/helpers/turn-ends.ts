/** When what was put off to the end of this turn of the event loop, and to that of the next one, has been done. */
export function turnEnds(): Promise<void> {
  return new Promise((resolve) => setImmediate(() => setImmediate(resolve)))
}
