"""Webhooks of many calls at once."""

import asyncio

from aiohttp import web
from phone.platform.webhooks.client import Timeouts, WebhookClient
from phone.testing import FakeApplication

AT_ONCE = 150  # more than aiohttp opens unless it is told


async def test_no_request_waits_for_another() -> None:
    """Each request has a connection of its own: all arrive before any is answered."""
    here, all_here = 0, asyncio.Event()

    async def event(request: web.Request) -> web.Response:
        nonlocal here
        here += 1
        if here == AT_ONCE:
            all_here.set()
        await asyncio.wait_for(all_here.wait(), 50)
        return web.Response(status=204)

    patient = Timeouts(connect=5.0, total=60.0)
    async with FakeApplication(event=event) as application, WebhookClient() as webhooks:
        replies = await asyncio.gather(
            *(
                webhooks.ask("POST", application.event_url, {"number": n}, patient)
                for n in range(AT_ONCE)
            )
        )
    assert {reply.status for reply in replies} == {204}
