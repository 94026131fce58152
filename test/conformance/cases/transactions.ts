import type { Cases } from '../script.js'

/** Transactions; transactions.test.ts has random ones. */
export const transactionCases: Cases = {
  multi: `
    MULTI
    MULTI
    SET a 1
    INCR a
    LPUSH a x
    GET a
    MSET b 2 c 3
    MGET a b c nosuch
    DEL a b nosuch
    EXEC
    MULTI x
    GET c
  `,
  exec: `
    EXEC
    MULTI
    EXEC
    MULTI
    NOSUCH x
    SET k v
    EXEC
    GET k
    MULTI
    GET
    EXEC
    EXEC x
    MULTI
    SELECT 1
    SET one v
    SELECT 0
    EXEC
    SELECT 1
    GET one
  `,
  watch: `
    WATCH
    SET k 1
    WATCH k nosuch k
    GET k
    MULTI
    WATCH k
    SET k 2
    EXEC
    WATCH k
    SET k 2
    MULTI
    SET k 3
    EXEC
    GET k
    MULTI
    GET k
    EXEC
    WATCH k
    SET k 4
    EXEC
    MULTI
    NOSUCH
    EXEC
    MULTI
    GET k
    EXEC
  `,
  unwatch: `
    UNWATCH
    UNWATCH x
    WATCH k
    SET k 1
    UNWATCH
    MULTI
    UNWATCH
    GET k
    EXEC
    WATCH k
    MULTI
    UNWATCH
    SET k 2
    EXEC
    WATCH k
    SET k 3
    MULTI
    DISCARD
    MULTI
    GET k
    EXEC
  `,
  discard: `
    DISCARD
    MULTI
    SET k v
    DISCARD
    GET k
    MULTI
    DISCARD x
    EXEC
    DISCARD
  `,
}
