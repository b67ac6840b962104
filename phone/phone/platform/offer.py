"""An event whose reply may replace the running NCCO."""

import asyncio
from collections.abc import Mapping
from typing import Any

from phone.platform.actions import Connect
from phone.platform.exchange import Reply
from phone.platform.leg import Leg
from phone.platform.ncco import Ncco
from phone.platform.ncco_source import NccoSource, event_target

__all__ = ["offer"]


async def offer(
    leg: Leg,
    source: NccoSource,
    action: Connect,
    posted: asyncio.Future[Reply | None],
    event: Mapping[str, Any],
) -> Ncco | None:
    """Return the NCCO in the reply to an event of a connect; only a synchronous one takes any.

    Whether `disconnected` needs `synchronous` is not published; the careful answer is yes.

    Args:
        leg: on which the connect runs.
        source: reads the reply.
        action: the connect.
        posted: the reply, when it comes.
        event: what was posted, for the fallback URL.
    """
    status = event.get("status")
    anyway = status == "disconnected" and leg.call.behaviour.assume.disconnected == "always"
    if action.event_type != "synchronous" and not anyway:
        return None
    reply = await leg.unless_over(posted)
    if reply is None and not leg.is_over:
        target = event_target(action)
        return await source.fallback(event, target.url if target else "")
    return source.replacement(reply)
