import type { Cases } from '../script.js'

export const bitmapCases: Cases = {
  bitcount: `
    SET k foobar
    BITCOUNT k 1 1
    BITCOUNT k
    BITCOUNT k 0 0
    BITCOUNT k 0 -1
    BITCOUNT k -2 -1
    BITCOUNT k 5 30 BIT
    BITCOUNT k 1 1 byte
    BITCOUNT k 0 -1 BITS
    BITCOUNT k 3 1
    BITCOUNT k 0
    BITCOUNT k x 1
    BITCOUNT k 0 1 BYTE extra
    BITCOUNT missing
    BITCOUNT missing 0 -1
    RPUSH l a
    BITCOUNT l
    BITCOUNT l x y
  `,
  bitfield: `
    BITFIELD k INCRBY i5 100 1 GET u4 0
    BITFIELD k SET u8 0 255 GET i8 0
    BITFIELD k SET u8 #1 97 GET u8 #1
    BITFIELD k OVERFLOW SAT INCRBY u2 100 3 OVERFLOW FAIL INCRBY u2 100 1
    BITFIELD k OVERFLOW WRAP INCRBY u2 100 3
    BITFIELD k OVERFLOW FAIL INCRBY u2 102 9
    BITFIELD k
    BITFIELD missing GET u8 0
    EXISTS missing
    BITFIELD k GET u64 0
    BITFIELD k GET i65 0
    BITFIELD k GET x8 0
    BITFIELD k GET u8 -1
    BITFIELD k GET u8 x
    BITFIELD k GET u8
    BITFIELD k SET u8 0 x
    BITFIELD k INCRBY u8 0
    BITFIELD k OVERFLOW NEVER INCRBY u8 0 1
    BITFIELD k NOSUCH u8 0
    GET k
    RPUSH l a
    BITFIELD l GET u8 0
    BITFIELD l SET u8 0 1
  `,
  bitfield_ro: `
    SET k abc
    BITFIELD_RO k GET u8 0
    BITFIELD_RO k GET u8 0 GET i4 #3 GET u63 0
    BITFIELD_RO k
    BITFIELD_RO k SET u8 0 1
    BITFIELD_RO k INCRBY u8 0 1
    BITFIELD_RO k GET u8
    BITFIELD_RO missing GET u8 0
    RPUSH l a
    BITFIELD_RO l GET u8 0
  `,
  bitop: String.raw`
    SET a{t} abc
    SET b{t} "\xff\x0f\x01\x02"
    BITOP AND d{t} a{t} b{t}
    GET d{t}
    BITOP or d{t} a{t} b{t}
    GET d{t}
    BITOP XOR d{t} a{t} b{t} missing{t}
    GET d{t}
    BITOP NOT d{t} a{t}
    GET d{t}
    BITOP NOT d{t} a{t} b{t}
    BITOP NAND d{t} a{t} b{t}
    BITOP AND d{t} missing{t} none{t}
    EXISTS d{t}
    BITOP AND a{t} a{t} a{t}
    RPUSH l{t} a
    BITOP AND d{t} a{t} l{t}
    BITOP OR l{t} a{t}
    TYPE l{t}
    BITOP AND d1 a2 b3 c4 e5 f6
  `,
  bitpos: String.raw`
    SET k "\xff\xf0\x00"
    BITPOS k 0
    BITPOS k 1
    BITPOS k 0 1
    BITPOS k 1 2
    BITPOS k 1 -1 -1
    BITPOS k 0 0 0
    BITPOS k 0 2 -1 BIT
    BITPOS k 1 0 -1 BYTE
    BITPOS k 1 0 -1 NIBBLE
    BITPOS k 2
    BITPOS k x
    BITPOS k 0 x
    BITPOS missing 0
    BITPOS missing 1
    RPUSH l a
    BITPOS l 1
  `,
  getbit: `
    SET k a
    GETBIT k 1
    GETBIT k 0
    GETBIT k 7
    GETBIT k 100000
    GETBIT k -1
    GETBIT k x
    GETBIT k 4294967295
    GETBIT k 4294967296
    GETBIT missing 0
    RPUSH l a
    GETBIT l 0
  `,
  setbit: `
    SETBIT k 7 1
    SETBIT k 7 0
    SETBIT k 100 1
    GET k
    SETBIT k 0 2
    SETBIT k 0 -1
    SETBIT k -1 1
    SETBIT k x 1
    SETBIT k 4294967296 1
    SETBIT k 1 x
    RPUSH l a
    SETBIT l 0 1
  `,
}
