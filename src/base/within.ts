/** The value of `promise`, or undefined when it does not come within `timeoutMs`; rejects when it does in time. */
export function within<T>(promise: Promise<T>, timeoutMs: number): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, timeoutMs, undefined)
    promise.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}
