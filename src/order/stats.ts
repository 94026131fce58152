/** What was counted since the start of the process, shown by INFO. */
export class OrderStats {
  /** What was sent to servers for clients: of a command over several servers each of its parts counts. */
  reads = 0
  writes = 0
  /** Reads that were sent again because a link broke, and reads that went to a backup. */
  readsResent = 0
  readsFromBackup = 0
  /** Writes after which a backup did not answer what the master answered. */
  differences = 0
  /** Writes close to the deadline of their key, which had passed on some replicas only. */
  unequalExpiries = 0
  /** Commands that had to wait for a server of their range. */
  waits = 0
  /** Commands on keys of several servers, and how often a command waited at a gate of theirs. */
  plans = 0
  gathers = 0
  gatherBytes = 0
  gateWaits = 0
  /** Scripts whose keys were copied, because it is not known what they did. */
  scriptsCopied = 0
  /** SWAPDB. */
  swaps = 0
  /** Writes that were answered with `outcome unknown`. */
  outcomesUnknown = 0
}
