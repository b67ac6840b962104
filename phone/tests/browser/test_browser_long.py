"""A call of five minutes, in real time: CI runs it beside other tests, which wait most of the time.

The machine is busy then. What is held is on the page's own clocks, and what drift and jitter do to
the buffers is tested in simulated time (`five_minutes.test.js`, `test_jitter.py`).
"""

import os
from typing import Any

import pytest
from browser_page import Open, call, hang_up, recording, speech
from phone.audio.recognition import recognise
from phone.testing import FakeApplication
from phone.web import Softphone
from playwright.async_api import Page

MINUTES = 5
LITTLE_MS = 150  # what the page adds at times even on a machine that is busy with other tests
ADDS_LITTLE = """most => parseFloat(document.querySelector("#f-own").textContent) < most"""


async def grown_to(page: Page) -> tuple[int, int]:
    """Return the bytes that the page's script holds, and the number of the page's elements."""
    session = await page.context.new_cdp_session(page)
    await session.send("Performance.enable")
    await session.send("HeapProfiler.collectGarbage")
    told = await session.send("Performance.getMetrics")
    found: dict[str, Any] = {metric["name"]: metric["value"] for metric in told["metrics"]}
    await session.detach()
    return round(found["JSHeapUsedSize"]), round(found["Nodes"])


async def number(page: Page, figure: str) -> int:
    """Return a figure that the page shows."""
    return int((await page.text_content(figure) or "").replace(",", ""))


@pytest.mark.skipif(
    not os.environ.get("LONG_CALL"), reason="takes five minutes: make test-long-call"
)
@pytest.mark.timeout(900)
async def test_a_call_of_five_minutes(softphone: Softphone, opened: Open) -> None:
    """After five minutes the page adds what it added, has lost nothing, and holds no more."""
    grown: list[tuple[int, int]] = []
    async with FakeApplication() as application:
        page = await opened(softphone)
        await call(page, application.answer_url)
        await page.click("#to-stack")  # where nothing is drawn 50 times a second
        page.set_default_timeout(300_000)
        for minute in (1, MINUTES):
            # By the program's clock, which counts the frames.
            await page.wait_for_function(
                "frames => Number(document.querySelector('#f-sent').textContent.replace(',', ''))"
                " >= frames",
                arg=minute * 3000 - 400,
                polling=1000,
            )
            # Other work adds to it for a while; what has drifted or piled up would stay.
            await page.wait_for_function(ADDS_LITTLE, arg=LITTLE_MS)
            await page.locator("#say").dispatch_event("click")
            await page.wait_for_timeout(8000)
            grown.append(await grown_to(page))
        await page.click("#to-call")
        await hang_up(page)
        sent, missing = await number(page, "#f-sent"), await number(page, "#f-missing")
        said, heard, rate = await recording(page)
    assert await page.inner_text("#verdict") == "The call worked."
    assert sent >= MINUTES * 3000 - 400
    assert missing < 100, missing
    # The audio thread's clock against the program's: neither has run away.
    assert abs(len(said) / rate - sent / 50) < 5
    (first_bytes, first_nodes), (last_bytes, last_nodes) = grown
    assert last_bytes < first_bytes + 10_000_000, grown
    assert last_nodes < first_nodes + 500, grown
    for samples in (said, heard):
        # Of the last minute: what was said before was three minutes earlier.
        assert recognise(speech(rate, 0.5, 4.5), samples[-60 * rate :], rate).found
