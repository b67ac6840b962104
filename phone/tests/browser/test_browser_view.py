"""What the page shows and how: keys, words, the stack, accessibility, the README's picture."""

import asyncio
import itertools
import os
from pathlib import Path
from typing import Literal

import jwt
import pytest
from aiohttp import web
from browser_page import Open, call, echoes, hang_up
from phone.testing import FakeApplication
from phone.web import Softphone, SoftphoneSettings
from playwright.async_api import expect

ROOT = Path(__file__).resolve().parents[3]
AXE = ROOT / "phone/tests/web/node/node_modules/axe-core/axe.min.js"
SECRET = "0123456789abcdef0123456789abcdef"
REFUSE_COPY = "() => { navigator.clipboard.writeText = () => Promise.reject(); }"
NOTE_SPEECH = """() => {
    window.spoken = [];
    speechSynthesis.speak = (utterance) => spoken.push(utterance.text);
    speechSynthesis.cancel = () => spoken.push(null);
}"""


async def test_keys_are_sent(softphone: Softphone, opened: Open) -> None:
    """Keys of the keypad and of the keyboard reach the application."""
    async with FakeApplication() as application:
        page = await opened(softphone)
        await call(page, application.answer_url, "silence")
        await echoes(page, 1)
        await page.click("[data-key='1']")
        await page.locator("#keypad-title").click()
        await page.keyboard.press("#")
        await expect(page.locator("#keys")).to_have_text("1#")
        await expect(page.locator("#timeline")).to_contain_text('"digit": "#"')
        await page.keyboard.press("Escape")
        await expect(page.locator("#result")).to_be_visible()
        assert sum("dtmf" in text for text in application.texts) == 2


async def test_a_call_by_the_keyboard_alone(softphone: Softphone, opened: Open) -> None:
    """Enter calls; what has the focus then takes the digits; Escape hangs up, from anywhere."""
    async with FakeApplication() as application:
        page = await opened(softphone)
        await page.select_option("#source", "silence")
        await page.focus("#answer-url")
        await page.keyboard.press("Control+A")
        await page.keyboard.type(application.answer_url)
        await page.keyboard.press("Enter")
        await expect(page.locator("#hang-up")).to_be_focused()
        await echoes(page, 1)
        await expect(page.locator("#clock")).to_contain_text("0:0")
        await page.keyboard.press("5")
        await expect(page.locator("#timeline")).to_contain_text('"digit": "5"')
        await page.keyboard.press("Escape")
        await expect(page.locator("#result")).to_be_visible()
        await expect(page.locator("#call")).to_be_focused()
        await page.keyboard.press("Enter")
        await echoes(page, 1)
        await page.focus("#answer-url")
        await page.keyboard.press("Escape")
        await expect(page.locator("#result")).to_be_visible()
        assert application.statuses().count("completed") == 4


async def test_many_notify_are_one_step(softphone: Softphone, opened: Open) -> None:
    """An application that sends many does not push everything else out of the timeline."""

    async def marks(socket: web.WebSocketResponse) -> None:
        for number in range(60):
            await socket.send_json({"action": "notify", "payload": {"n": number}})
        async for _ in socket:
            pass

    async with FakeApplication(socket=marks) as application:
        page = await opened(softphone)
        await call(page, application.answer_url, "silence")
        step = page.locator("#timeline > [data-folded]")
        await expect(step.last).to_contain_text("notify and answers, the latest")
        await step.last.locator("summary").click()
        await expect(step.last.locator("pre").last).to_contain_text('"n":')
        await hang_up(page)
        assert await page.locator("#timeline > li").count() < 30
        folded = await step.evaluate_all("all => all.map(each => Number(each.dataset.folded))")
        assert sum(folded) == 120


async def test_a_live_call_stays_open_to_its_json(opened: Open) -> None:
    """A line tells how long it is and what its handler notes; what was opened is not closed."""
    seconds = itertools.count(61)

    async def calls(_: web.Request) -> web.Response:
        notes = {"assistant": "listening"}
        call = {"call": "a-1", "seconds": next(seconds), "rate": 8000, "notes": notes}
        return web.json_response({"calls": [call | {"frames_in": 3, "frames_out": 2}]})

    async with FakeApplication(answer=calls) as service:
        settings = SoftphoneSettings(port=0, calls_url=service.answer_url)
        async with Softphone(settings) as softphone:
            page = await opened(softphone)
            await page.click("#to-stack")
            line = page.locator("#live summary")
            await expect(line).to_contain_text("a-1 1:01 · 8 kHz · 3 frames in, 2 out")
            await expect(line).to_contain_text("assistant listening")
            await line.click()
            await expect(line).to_contain_text("1:03")
            await expect(page.locator("#live pre")).to_be_visible()


async def test_the_browser_speaks_where_no_voice_is_installed(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What `talk` says is shown, and spoken by the browser until the call is over."""
    monkeypatch.setattr("phone.web.switchboard.PROGRAMS", ())
    ncco = [{"action": "talk", "text": "Hello."}, {"action": "talk", "text": "Good & bye <3"}]
    async with Softphone(SoftphoneSettings(port=0)) as softphone, FakeApplication(ncco=ncco) as app:
        page = await opened(softphone)
        await page.evaluate(NOTE_SPEECH)
        await call(page, app.answer_url, "silence")
        await expect(page.locator("#caption")).to_have_text("“Good & bye <3”")
        await expect(page.locator("#result")).to_be_visible()
        assert await page.evaluate("spoken") == ["Hello.", "Good & bye <3", None]


async def test_a_call_is_signed(opened: Open) -> None:
    """With the box ticked webhooks are signed as Vonage signs them, otherwise not at all."""
    settings = SoftphoneSettings(port=0, signature_secret=SECRET)
    async with Softphone(settings) as softphone, FakeApplication() as application:
        page = await opened(softphone)
        await page.click("text=More settings")
        for signed in (True, False):
            await page.set_checked("#signed", signed)
            await call(page, application.answer_url, "silence")
            await echoes(page, 1)
            await hang_up(page)
            assert await page.inner_text("#verdict") == "The call worked."
            sent = [request.headers.get("Authorization") for request in application.requests]
            application.requests.clear()
            assert len(sent) > 4
            assert all(sent) if signed else not any(sent)
            for header in filter(None, sent):
                jwt.decode(header.removeprefix("Bearer "), SECRET, ["HS256"])


async def test_without_a_secret_nothing_can_be_signed(softphone: Softphone, opened: Open) -> None:
    """The box says what is missing."""
    page = await opened(softphone)
    await page.click("text=More settings")
    await expect(page.locator("#signed")).to_be_disabled()
    await expect(page.locator("label:has(#signed)")).to_contain_text("--signature-secret")


async def test_urls_of_the_stack_are_copied(opened: Open) -> None:
    """A button copies each URL; where the browser refuses, one key is left to press."""
    told = {"socket": {"url": "wss://a.example/socket"}, "events": {"url": "https://a.example/e"}}

    async def ready(_: web.Request) -> web.Response:
        return web.json_response(told)

    async with FakeApplication(answer=ready) as service:
        settings = SoftphoneSettings(port=0, readiness={"ncco-service": service.answer_url})
        async with Softphone(settings) as softphone:
            permissions = ("clipboard-read", "clipboard-write")
            page = await opened(softphone, permissions=permissions)
            await page.click("#to-stack")
            button = page.get_by_role("button", name="Copy the socket URL")
            await button.click()
            await expect(button).to_have_text("Copied")
            assert await page.evaluate("navigator.clipboard.readText()") == told["socket"]["url"]
            await page.evaluate(REFUSE_COPY)
            button = page.get_by_role("button", name="Copy the events URL")
            await button.click()
            await expect(button).to_have_text("Press Ctrl+C")
            assert await page.evaluate("getSelection().toString()") == told["events"]["url"]


async def test_the_page_is_accessible(softphone: Softphone, opened: Open) -> None:
    """Axe finds nothing serious, light or dark; nothing is wider than the screen."""
    assert AXE.exists() or not os.environ.get("CI"), "run npm ci in phone/tests/web/node"
    if not AXE.exists():
        pytest.skip("axe is not installed: npm ci in phone/tests/web/node")
    async with FakeApplication() as application:
        page = await opened(softphone, bypass_csp=True)
        await page.click("text=More settings")
        await call(page, application.answer_url)
        await echoes(page, 100)
        await hang_up(page)
    await page.add_script_tag(path=AXE)
    schemes: tuple[Literal["light", "dark"], ...] = ("light", "dark")
    for scheme, width, view in itertools.product(schemes, (1280, 390), ("#to-call", "#to-stack")):
        await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        await page.set_viewport_size({"width": width, "height": 850})
        await page.click(view)
        found = await page.evaluate("axe.run()")
        serious = [
            (violation["id"], [node["target"] for node in violation["nodes"]])
            for violation in found["violations"]
            if violation["impact"] in ("serious", "critical")
        ]
        assert not serious, (scheme, width, view)
        assert await page.evaluate("document.documentElement.scrollWidth") <= width


async def test_the_picture_for_the_readme(softphone: Softphone, opened: Open) -> None:
    """A call as it is seen; PICTURE names the file that `make screenshot` writes."""
    async with FakeApplication() as application:
        page = await opened(softphone, viewport={"width": 1180, "height": 760})
        await call(page, application.answer_url)
        await echoes(page, 250)
        picture = await page.screenshot()
        await hang_up(page)
    assert picture.startswith(b"\x89PNG")
    if wanted := os.environ.get("PICTURE"):
        await asyncio.to_thread((ROOT / wanted).write_bytes, picture)
