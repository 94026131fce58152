import type { Cases } from '../script.js'

/** Users and what they may do; each script takes its users away again. */
export const aclCases: Cases = {
  'acl|cat': `
    ACL CAT
    ~unordered ACL CAT set
    ~unordered ACL CAT SORTEDSET
    ~unordered ACL CAT transaction
    ACL CAT nosuch
    ACL CAT set x
  `,
  'acl|deluser': `
    ACL SETUSER a on
    ACL SETUSER b on
    ACL DELUSER a b nosuch
    ACL DELUSER default
    ACL DELUSER a default
    ACL DELUSER
  `,
  'acl|dryrun': `
    ACL SETUSER a +get ~k* (+set ~w*) (+publish &c)
    ACL DRYRUN a GET k1
    ACL DRYRUN a GET w1
    ACL DRYRUN a SET w1 v
    ACL DRYRUN a SET k1 v
    ACL DRYRUN a PUBLISH c m
    ACL DRYRUN a PUBLISH d m
    ACL DRYRUN a CLIENT LIST
    ACL DRYRUN a GET
    ACL DRYRUN a NOSUCH x
    ACL DRYRUN a CLIENT NOSUCH
    ACL DRYRUN nosuch GET k
    ACL DRYRUN a
    ACL DELUSER a
  `,
  'acl|genpass': `
    ~own ACL GENPASS
    ~own ACL GENPASS 5
    ACL GENPASS 0
    ACL GENPASS 4097
    ACL GENPASS x
    ACL GENPASS 1 2
  `,
  'acl|getuser': `
    ACL GETUSER default
    ACL GETUSER nosuch
    ACL SETUSER a on >pw ~k %R~r %W~w &c +@read -get (~x +set) (allkeys allchannels allcommands)
    ACL GETUSER a
    ACL SETUSER a reset
    ACL GETUSER a
    ACL GETUSER
    ACL DELUSER a
  `,
  'acl|list': `
    ACL LIST
    ACL SETUSER a on >pw ~k
    ACL SETUSER B nopass skip-sanitize-payload allkeys
    ACL LIST
    ACL LIST x
    ACL DELUSER a B
  `,
  'acl|load': 'ACL LOAD',
  'acl|log': `
    ACL LOG RESET
    ACL LOG
    ACL LOG -1
    ACL LOG x
    ACL LOG 1 2
    AUTH nobody wrong
    ~own ACL LOG
    ACL LOG RESET
    ACL LOG
  `,
  'acl|save': 'ACL SAVE',
  'acl|setuser': `
    ACL SETUSER
    ACL SETUSER "a b"
    ACL SETUSER a nosuch
    ACL SETUSER a +nosuch
    ACL SETUSER a on +client|nosuch
    ACL SETUSER a +client|list|x
    ACL SETUSER a (+get
    ACL SETUSER a ~* ~k
    ACL SETUSER a &* &k
    ACL SETUSER a #12
    ACL SETUSER a <nosuch
    ACL SETUSER a (~k +get) (&c
    ACL GETUSER a
    ACL SETUSER a +select|0 +@set
    ACL GETUSER a
    ACL DELUSER a
  `,
  'acl|users': `
    ACL USERS
    ACL SETUSER zoe
    ACL SETUSER adam
    ACL USERS
    ACL DELUSER zoe adam
    ACL USERS x
  `,
  'acl|whoami': `
    ACL WHOAMI
    ACL SETUSER a on nopass +@all
    AUTH a x
    ACL WHOAMI
    RESET
    ACL WHOAMI
    ACL DELUSER a
  `,
}
