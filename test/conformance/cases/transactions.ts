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
