"""An event whose reply may replace the running NCCO."""

import asyncio
from collections.abc import Mapping
from typing import Any

from phone.platform.leg import Leg
from phone.platform.ncco.actions import Connect
from phone.platform.ncco.document import Ncco
from phone.platform.running.source import NccoSource, event_target
from phone.platform.webhooks.exchange import Reply

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
