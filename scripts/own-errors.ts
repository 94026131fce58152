/** What of a command has happened that is answered with an error. */
export const APPLIED = {
  no: 'nothing was applied: it may be sent again',
  unknown:
    'nobody knows: it may have been applied or not. It is never sent twice by the proxy; read the key before it is sent again',
  part: 'some of it was: the error says what',
  yes: 'it was applied: only its reply is not given',
  refused: 'nothing was done, and will not be: another command, or another setting, is wanted',
} as const

type Row = readonly [text: string, applied: keyof typeof APPLIED, happened: string, todo: string]

const AGAIN = 'Send it again.'
const READ = 'Read the keys, then decide.'

/**
 * The errors that Redis does not have, by how they begin; `…` stands for what varies. All others are Redis's own, to the byte.
 * docs/errors.md is made from this table; test/scripts/errors-page.test.ts holds it against the texts in the sources.
 */
export const OWN_ERRORS: Readonly<Record<string, readonly Row[]>> = {
  'Servers that are away': [
    [
      'CLUSTERDOWN a server that holds this key is not reachable and was waited for … ms',
      'no',
      'Fewer servers of the key than are needed could be reached for `limits.unavailableTimeoutMs`; the names of those that are away stand in it.',
      `${AGAIN} \`DT NODES\` tells what is the matter; a server that is declared down by the Sentinels is done without.`,
    ],
    [
      'CLUSTERDOWN all servers that hold …',
      'no',
      'Everybody who has the key is down or was removed.',
      'Bring one of those back that it names, with its data. Only if these are lost for ever: `--accept-epoch`, as it says.',
    ],
    [
      'CLUSTERDOWN nothing is served yet: …',
      'no',
      'The proxy has started and does not know the ring, or not all that it has to.',
      'It says what is missed; `dt doctor` says more.',
    ],
    [
      'ERR the outcome of this command, and of those that were sent behind it, is unknown: the connection to the proxy that serves the ring has ended; …',
      'unknown',
      'The client is connected to a [front](operating.md), and the proxy that owns the ring was killed, or cannot be reached any more, while something was under way.',
      `Connect again, to any proxy. ${READ}`,
    ],
    [
      'CLUSTERDOWN nothing is served any more: …',
      'no',
      'Without a state file (`ring.stateFile: none`), half of the members or more have not been heard of for three seconds, and another proxy may serve them.',
      'It names them: start or reach them. `ring.withoutMajority: serve` prefers to go on.',
    ],
    [
      'CLUSTERDOWN not served here: …',
      'no',
      'Of [several proxies](several-proxies.md) this one owns the ring and does not reach enough servers to know that it still does. What publishes, listens, waits or runs a script would miss what the next owner does.',
      'It names them: start or reach them, or connect to another proxy.',
    ],
    [
      'ERR the read was not answered: …',
      'no',
      'The connection broke, and to ask again would be too late: the same client has written behind it. Or the read may be why its server was silent until then.',
      AGAIN,
    ],
    [
      'ERR what the command has to read first was not answered: …',
      'no',
      'A command over several servers reads before it writes, and that was lost.',
      AGAIN,
    ],
    [
      'ERR the script was not answered: the connection to … broke before that',
      'no',
      'It only reads, or was only tried, but may be what broke the server, so nobody else was asked.',
      'Send it again if it is not the cause.',
    ],
    [
      'ERR the script was not executed, because its server did not have it',
      'no',
      'Somebody has flushed what was loaded on a server, or it has no memory for it.',
      AGAIN,
    ],
    [
      'ERR the connection to … broke while it compiled the library; nothing was loaded',
      'no',
      'A server is away.',
      AGAIN,
    ],
    [
      'ERR no server of the ring has answered; send it again',
      'no',
      'It is about all servers, and none was there.',
      AGAIN,
    ],
    [
      'ERR a server could not be asked: …; try again',
      'no',
      'It is about all keys, and one server was not there.',
      AGAIN,
    ],
    ['ERR … did not answer: …; try again', 'no', 'The server that it is about was not there.', AGAIN],
    [
      'ERR … was not done by all servers, by the others it was',
      'part',
      'It is for all servers, and those that are named have not done it.',
      AGAIN,
    ],
  ],
  'Outcome unknown': [
    [
      'ERR the outcome of this write is unknown',
      'unknown',
      'A connection broke before the answer, or a server refused what others took. Copies are made equal again by themselves.',
      READ,
    ],
    [
      'ERR the outcome of this transaction is unknown',
      'unknown',
      'The same of `EXEC`: each server has executed its part whole or not at all.',
      READ,
    ],
    [
      'ERR the outcome of this command, and of those that were sent behind it, is unknown: …',
      'unknown',
      'Another proxy has taken the ring over; the connection ends.',
      READ,
    ],
    [
      'ERR the transaction was executed in part: …',
      'part',
      'A transaction that took several steps came to an end in the middle; it names the command that was not executed.',
      READ,
    ],
    [
      'internal error of the proxy: …',
      'unknown',
      'A mistake of DT, of which the log has a stack. Of a command that only reads nothing was applied.',
      'Please report it, with the lines of the log.',
    ],
  ],
  'Waiting for others': [
    [
      'TRYAGAIN it has waited for … ms, at the end for other commands that have one of its keys',
      'no',
      'Commands on several servers had its keys for themselves.',
      AGAIN,
    ],
    [
      "TRYAGAIN '…' on keys of several servers has waited for … ms",
      'no',
      'Others copy large values between servers.',
      `${AGAIN} A common {hash tag} spares copies.`,
    ],
    [
      'TRYAGAIN all the time there were writes of which not all servers know yet what they do',
      'no',
      '`SWAPDB` found no moment.',
      AGAIN,
    ],
    [
      'NOPERM the rights of this user have changed while the command waited',
      'no',
      'Who waits (`BLPOP` …) may not any more.',
      'Ask who gives rights.',
    ],
    [
      'UNBLOCKED …; nothing has come and nothing was applied: try again on another connection',
      'no',
      'It waited at the owner of the ring, of [several proxies](several-proxies.md), which does not reach enough servers any more; its connection ends.',
      'Connect to another proxy, and send it again.',
    ],
    [
      'UNBLOCKED the proxy stops, nothing has come and nothing was applied',
      'no',
      'It waited when the proxy was stopped.',
      'Send it again on another connection.',
    ],
  ],
  Limits: [
    [
      "ERR '…' on keys of several servers would copy about … bytes between them",
      'no',
      'That is more than `limits.gatherBytes`; it names the largest key.',
      'A common {hash tag}, less at a time, or a higher limit.',
    ],
    [
      "ERR '…' on keys of several servers was not done within limits.gatherMs",
      'no',
      'It took too long.',
      'A common {hash tag}, less at a time, or a higher limit.',
    ],
    [
      "ERR '…' on keys of several servers: no server takes the values of the others",
      'no',
      'The server that was to execute it refused what the others have, mostly for want of memory.',
      'More memory, or a common {hash tag}.',
    ],
    [
      'ERR the value that would be stored takes … bytes, and proto-max-bulk-len of … is …',
      'no',
      'It could not be copied to the servers that are to have it.',
      'Raise `proto-max-bulk-len` on the servers.',
    ],
    [
      "ERR '…' may have … words at most with this proxy; ask for less at a time",
      'refused',
      'Each word costs as much as a command.',
      'Ask for less at a time.',
    ],
    [
      'ERR a name of more than … bytes, or a rule of more than …, is not taken; nothing was set',
      'refused',
      'No text could be made of what `ACL LIST` shows.',
      'Shorter rules.',
    ],
    [
      'ERR patterns may have … bytes at most with this proxy; nothing was subscribed to',
      'refused',
      'Each message is compared with all patterns.',
      'A shorter pattern.',
    ],
    [
      'ERR it takes too long to compare the name of this channel with the patterns to which clients listen; nothing was published',
      'refused',
      'Name and patterns are long, and alike in many places: ten million steps were not enough.',
      'A shorter name, or patterns that begin with what names begin with.',
    ],
    [
      'ERR patterns may have … bytes at most with this proxy; no channel was looked for',
      'refused',
      'All channels are compared with it.',
      'A shorter pattern.',
    ],
    [
      'ERR no more scripts can be loaded: limits.loadedScriptsBytes is …',
      'refused',
      'What is loaded is kept on all servers.',
      '`SCRIPT FLUSH`, `EVAL`, or a higher limit.',
    ],
    [
      'ERR limits.loadedScriptsBytes is …, and the libraries would have more; nothing was loaded',
      'refused',
      'The same of libraries of functions.',
      '`FUNCTION DELETE`, or a higher limit.',
    ],
  ],
  'Scripts and functions': [
    [
      'ERR the script touched more than … keys that were not among its keys',
      'no',
      'It runs once more for each of these.',
      'Give them as keys.',
    ],
    [
      'ERR the script touched …, which was not among its keys and is on other servers than these',
      'no',
      '`commands.crossServer` refuses that.',
      'A common {hash tag}.',
    ],
    [
      'ERR the script touches keys that KEYS or SCAN has told it, which were …',
      'no',
      'That is more than the limit.',
      'Walk over the keys outside of the script.',
    ],
    [
      'ERR the patterns of SORT in the script name more than … keys',
      'no',
      'That is more than the limit.',
      'Sort less at a time.',
    ],
    [
      'ERR the script asked more than … times which keys there are',
      'no',
      'It runs once more for each question.',
      'Ask outside of the script.',
    ],
    [
      'ERR the script asked for more than … things that its server cannot tell',
      'no',
      'It is given all of them again each time that it runs.',
      'Ask outside of the script.',
    ],
    [
      'ERR this proxy takes … of at most … bytes, and this one has …; nothing was done',
      'refused',
      'A script, or a library of functions, has at most 1 MB.',
      'A shorter source.',
    ],
    [
      'ERR this proxy runs … as functions of a script of its own, and that is more than this one allows',
      'refused',
      'The script is so large, or so deeply nested, that Lua does not take it with what the proxy puts around it.',
      'A smaller script.',
    ],
    [
      'ERR redis.call of an earlier call was kept by the library',
      'part',
      'What the function did before that stays, as with any error of a script.',
      'Take `redis.call` from `redis` in each call.',
    ],
    [
      'ERR names of libraries that begin with dt_ are those of this proxy; nothing was loaded',
      'refused',
      'Under such names the servers keep what DT gives them.',
      'Another name.',
    ],
    [
      'ERR the library gives two functions names that differ in case alone',
      'refused',
      'The servers do not tell them apart.',
      'Other names.',
    ],
    [
      'ERR this proxy does not understand the first line of the library; nothing was loaded',
      'refused',
      'A server took it, and the proxy does not know what it says.',
      'Only `name=` behind the engine.',
    ],
  ],
  Refused: [
    [
      "ERR '…' is refused by this proxy: …; nothing was done",
      'refused',
      'Never served; the reason stands in it.',
      '[commands.md](commands.md) has all of these.',
    ],
    [
      "ERR '…' is not supported yet by this proxy",
      'refused',
      'Not served in this form.',
      '[commands.md](commands.md) says which forms are.',
    ],
    [
      "ERR '…' is not executed inside scripts by this proxy: a script runs on one server of its keys, in one database; nothing of it was applied, send it as a command of its own",
      'refused',
      'Such as `FLUSHALL`, `SWAPDB`, `SELECT`, `MOVE`, `COPY … DB`. It is an error of that command, which the script may catch.',
      'Send it outside of the script.',
    ],
    [
      "ERR 'commandlog|…' of … is refused by this proxy: it has no list of these",
      'refused',
      'Of `COMMANDLOG` there is the list `slow`.',
      '`DT HOTKEYS … BYTES`.',
    ],
    [
      "ERR 'debug …' is refused by this proxy: …",
      'refused',
      'It would harm a server, or make copies unequal.',
      'Ask that server itself.',
    ],
    [
      "ERR this proxy … '…', so that it is not certain which keys it concerns; it was not applied",
      'refused',
      'A command of a newer server, or a word in it, of which DT does not know what it means.',
      'Another form, or a newer version of DT.',
    ],
    [
      'ERR an argument of … may be …',
      'refused',
      'The members are of several versions, and a word of this write may be one that the oldest of them does not know: it could not hold what the others would.',
      'Do without the word, or upgrade the member that is named.',
    ],
    [
      'ERR … unknown to …, which is …, and all servers of the ring have to know it',
      'refused',
      'The servers are of several versions, as in an upgrade.',
      'When all are upgraded.',
    ],
    [
      'ERR names that begin with \\\\0dt:pieces: are those under which this proxy builds values',
      'refused',
      'Such keys are hidden.',
      'Another name.',
    ],
    [
      'ERR the script touched a name that begins with \\\\0dt:pieces:',
      'refused',
      'The same in a script.',
      'Another name.',
    ],
    [
      "CROSSSLOT Keys in request don't hash to the same slot",
      'refused',
      'The keys are on several servers, and `commands.crossServer: refuse` is set.',
      'A common {hash tag}.',
    ],
    [
      'ERR CONFIG SET failed (possibly related to argument',
      'refused',
      "Redis's words, with a reason of DT where the setting is the ring's: all or nothing is set.",
      '[CONFIG SET](differences.md#config-set) says which can be set.',
    ],
    [
      'ERR … does not tell its settings: …; nothing was set',
      'no',
      'A server refuses `CONFIG GET` to the proxy.',
      'Give the user of the links [its rights](security.md).',
    ],
    [
      'ERR … does not tell of changes (…)',
      'no',
      'A server refuses what `WATCH` needs.',
      'Give the user of the links [its rights](security.md).',
    ],
    [
      'ERR a walk over all keys goes on already',
      'refused',
      'One `DT BIGKEYS` at a time.',
      '`DT BIGKEYS STATUS`, or `STOP`.',
    ],
    [
      'ERR the command was executed, and its reply is larger than a gigabyte: ask for less at a time',
      'yes',
      'The proxy passes no reply that is so large.',
      'Ask for less at a time, with `SCAN` and its kind, or ranges.',
    ],
    [
      'ERR max number of clients of this address reached',
      'no',
      'The connection is closed at once: so many as `limits.maxClientsPerAddress` are there from that address.',
      'Close what is idle, or raise the limit.',
    ],
    [
      'ERR it has not saved, and its log says why',
      'part',
      'A server has not begun to write its file, or failed. Others may have written theirs.',
      'Its log says why.',
    ],
    [
      'ERR the number must be from 1 to …',
      'refused',
      'A number of a `DT` command is too small or too large.',
      'Another number.',
    ],
    ['ERR a verification runs already', 'refused', 'One `DT VERIFY` at a time.', '`DT VERIFY STATUS`.'],
  ],
}
