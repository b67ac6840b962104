"""Calls of the page with others: several tabs, and calls that come in."""

import asyncio
from typing import Any

from browser_page import HOLD_MICROPHONE, Open, call, echoes, hang_up, recording, speech, until
from phone.audio.recognition import is_loud, recognise
from phone.platform.leg import Leg
from phone.platform.ncco.document import parse_actions
from phone.platform.ncco.endpoints import Phone
from phone.platform.outbound import OutboundPlan
from phone.testing import FakeApplication
from phone.web import Softphone
from playwright.async_api import expect

HOSTILE = "<img src=x onerror=window.broken=1>"
REVERSED = "\u202e" + "7" * 5000


async def test_two_tabs_call_at_once(softphone: Softphone, opened: Open) -> None:
    """Each hears its own call."""
    async with FakeApplication() as application, FakeApplication(rate=8000) as other:
        first, second = await opened(softphone), await opened(softphone)
        await call(first, application.answer_url)
        await call(second, other.answer_url, "silence")
        await asyncio.gather(echoes(first, 150), echoes(second, 150))
        await asyncio.gather(hang_up(first), hang_up(second))
        _, loud, _ = await recording(first)
        _, still, _ = await recording(second)
    assert is_loud(loud)
    assert not is_loud(still[len(still) // 2 :])


async def test_three_tabs_meet(softphone: Softphone, opened: Open) -> None:
    """In a meeting the others hear who speaks, and nobody hears themselves."""
    meeting = [{"action": "conversation", "name": "standup"}]
    async with FakeApplication(ncco=meeting) as application:
        pages = [await opened(softphone) for _ in range(3)]
        for page, source in zip(pages[1:], ("silence", "silence"), strict=True):
            await call(page, application.answer_url, source)
            await expect(page.locator("#timeline")).to_contain_text("standup")
        await call(pages[0], application.answer_url, "speech")
        await expect(pages[0].locator("#timeline")).to_contain_text("standup")
        await page.wait_for_timeout(5000)
        await asyncio.gather(*map(hang_up, pages))
        recordings = [await recording(page) for page in pages]
    (_, own, rate), *others = recordings
    for _, heard, _ in others:
        assert recognise(speech(rate, 1, 3), heard, rate).found
    assert not is_loud(own)


def let_call(
    softphone: Softphone, number: str, ncco: list[dict[str, Any]], caller: str = HOSTILE
) -> Leg:
    """Let the application call a number, as its API would; return the leg that begins."""
    switch = softphone.network.switch
    plan = OutboundPlan(parse_actions(ncco), 60.0, 60.0)
    phone = Phone.model_validate({"type": "phone", "number": number})
    return switch.call(phone, caller, switch.registration.application(), None, plan)


async def test_a_call_that_comes_in(
    network: tuple[Softphone, FakeApplication], opened: Open
) -> None:
    """One is rejected, one is answered, heard and reported; the caller's name stays text."""
    softphone, application = network
    page = await opened(softphone)
    await page.select_option("#source", "speech")
    number = (await page.inner_text("#number")).split()[-1]
    let_call(softphone, number, [application.connect()])
    await expect(page.locator("#ringing-text")).to_have_text(f"{HOSTILE} calls")
    await page.click("#reject")
    await expect(page.locator("#ringing")).to_be_hidden()
    await until(lambda: "rejected" in application.statuses())
    let_call(softphone, number, [application.connect()])
    await page.click("#answer")
    await expect(page.locator("#state")).to_have_text("In the call.")
    await echoes(page, 250)
    await hang_up(page)
    assert await page.inner_text("#verdict") == "The call worked."
    async with page.context.expect_page() as report:
        await page.click("text=Call report")
    await expect((await report.value).locator("h1")).to_contain_text(HOSTILE)
    async with page.expect_download() as download:
        await page.click("text=What you heard")
    assert (await (await download.value).path()).stat().st_size > 100_000
    _, heard, rate = await recording(page)
    assert recognise(speech(rate, 0.5, 2), heard, rate).found
    assert application.statuses().count("rejected") == 1
    assert application.statuses().count("completed") == 2
    assert await page.evaluate("window.broken") is None


async def test_a_caller_gives_up_while_the_microphone_is_opened(
    network: tuple[Softphone, FakeApplication], opened: Open
) -> None:
    """Whoever takes long to allow it answers nobody; the page is free, and can call."""
    softphone, application = network
    page = await opened(softphone)
    await page.evaluate(HOLD_MICROPHONE)
    await page.select_option("#source", "microphone")
    number = (await page.inner_text("#number")).split()[-1]
    leg = let_call(softphone, number, [application.connect()], "447700900000")
    await page.click("#answer")
    await expect(page.locator("#call")).to_be_disabled()
    leg.hang_up()
    await expect(page.locator("#state")).to_contain_text("gave up")
    await page.evaluate("release()")
    await expect(page.locator("#call")).to_be_enabled()
    await call(page, application.answer_url, "silence")
    await echoes(page, 1)
    await hang_up(page)


async def test_a_long_name_that_turns_the_text_around(
    network: tuple[Softphone, FakeApplication], opened: Open
) -> None:
    """A caller's name can neither fill the screen nor turn around what stands beside it."""
    softphone, application = network
    page = await opened(softphone, viewport={"width": 390, "height": 800})
    number = (await page.inner_text("#number")).split()[-1]
    let_call(softphone, number, [application.connect()], REVERSED)
    await expect(page.locator("#ringing-text")).to_contain_text("777")
    assert len(await page.inner_text("#ringing-text")) < 200
    assert await page.locator("#ringing-text bdi").count() == 1
    assert await page.evaluate("document.documentElement.scrollWidth") <= 390
    await page.click("#reject")
    await expect(page.locator("#ringing")).to_be_hidden()
