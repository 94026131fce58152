import type { Link } from '../backend/link.js'
import type { Logger } from '../base/log.js'
import type { Order } from '../order/order.js'
import type { ViewKeeper } from '../view/view-keeper.js'
import type { ViewStore } from '../view/view-store.js'
import { joiningMembers } from './plan.js'

/** What becomes of a member that is filled when its memory is short, and when it is not any more. */
export function joinsWithMemory(
  { views, keeper, log }: { readonly views: ViewStore; readonly keeper: ViewKeeper; readonly log: Logger },
  order: () => Order,
): (link: Link) => void {
  return (link) => {
    const { name, full } = link
    if (!full) keeper.resume(name)
    // Nobody would miss it, and it would keep clients from writing.
    else if (joiningMembers(views.current).includes(name)) {
      log.warn(
        { event: 'member-too-small', member: name },
        `${name} has too little memory for its part: it joins when it has more`,
      )
      order().restarted(link)
      keeper.suspend(name)
    }
  }
}
