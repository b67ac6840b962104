"""What goes wrong in the page, and what it says then; what strangers try, and do not get."""

import asyncio
import sys
from typing import Any

import pytest
from aiohttp import web
from browser_page import HOLD_MICROPHONE, Open, call, echoes, hang_up
from phone.testing import FakeApplication, closes_after
from phone.web import Softphone
from playwright.async_api import Browser, expect

HOSTILE = "<img src=x onerror=window.broken=1>"


async def test_errors_say_what_to_do(softphone: Softphone, opened: Open) -> None:
    """A wrong URL, an application that is not there, a broken socket: each with advice."""
    page = await opened(softphone)
    await call(page, "http://${HOST}/answer")
    await expect(page.locator("#error")).to_contain_text("placeholder")
    await call(page, "http://127.0.0.1:9/answer")
    await expect(page.locator("#result")).to_contain_text("did not work")
    await expect(page.locator("#problems")).to_contain_text("→")
    async with FakeApplication(socket=closes_after(50)) as application:
        await call(page, application.answer_url)
        await expect(page.locator("#problems")).to_contain_text("1011")


async def test_a_refused_ncco_is_shown_once(softphone: Softphone, opened: Open) -> None:
    """Field by field as it came; the timeline has each reason once, with its advice."""
    async with FakeApplication(ncco=[{"action": "talk"}, {"action": "fly"}]) as application:
        page = await opened(softphone)
        await call(page, application.answer_url, "silence")
        await expect(page.locator("#problems > li")).to_have_count(2)
        await expect(page.locator("#timeline .failure")).to_have_count(2)
        await expect(page.locator("#timeline .failure .advice")).to_have_count(2)
        await expect(page.locator("#timeline :text('is required')")).to_have_count(1)
        rows = await page.locator("#ncco tr").all_inner_texts()
    assert [row.split()[:3] for row in rows] == [
        ["–", "not", "used"],
        ["✗", "refused", "[0].text"],
        ["✗", "refused", "[1].action"],
    ]


async def test_hanging_up_while_the_microphone_is_opened(
    softphone: Softphone, opened: Open
) -> None:
    """Whoever thinks better of it while the browser asks places no call."""
    async with FakeApplication() as application:
        page = await opened(softphone)
        await page.evaluate(HOLD_MICROPHONE)
        await call(page, application.answer_url, "microphone")
        await expect(page.locator("#state")).to_have_text("Opening the microphone …")
        await page.keyboard.press("Escape")
        await expect(page.locator("#call")).to_be_enabled()
        await page.evaluate("release()")
        await call(page, application.answer_url, "silence")
        await echoes(page, 1)
        await hang_up(page)
        assert application.statuses().count("started") == 2


async def test_a_refused_microphone_is_explained(softphone: Softphone, opened: Open) -> None:
    """Without the permission no call is placed; the page says how to give it."""
    page = await opened(softphone, permissions=())
    await call(page, "http://127.0.0.1:9/answer", "microphone")
    await expect(page.locator("#error")).to_contain_text("Allow it")
    await expect(page.locator("#call")).to_be_enabled()


@pytest.mark.parametrize("switches", [["--disable-audio-input"]])
async def test_no_microphone_is_explained(softphone: Softphone, opened: Open) -> None:
    """A machine without one is told what else there is."""
    page = await opened(softphone)
    devices = await page.evaluate("navigator.mediaDevices.enumerateDevices()")
    assert not [device for device in devices if device["kind"] == "audioinput"]
    await call(page, "http://127.0.0.1:9/answer", "microphone")
    await expect(page.locator("#error")).to_contain_text("There is no microphone.")
    await expect(page.locator("#error")).to_contain_text("take the speech sample")
    await expect(page.locator("#call")).to_be_enabled()


async def test_no_loudspeaker_is_explained(softphone: Softphone, opened: Open) -> None:
    """A browser whose audio does not start has no device to play on."""
    page = await opened(softphone)
    await page.evaluate("() => { AudioContext.prototype.resume = () => new Promise(() => {}); }")
    await call(page, "http://127.0.0.1:9/answer", "speech")
    await expect(page.locator("#error")).to_contain_text("Plug in headphones")
    await expect(page.locator("#call")).to_be_enabled()


async def test_a_reload_ends_the_call(softphone: Softphone, opened: Open) -> None:
    """A page that is reloaded in mid-call hangs up, and can call again."""
    async with FakeApplication() as application:
        page = await opened(softphone)
        await call(page, application.answer_url)
        await echoes(page, 50)
        await page.reload()
        await call(page, application.answer_url)
        await echoes(page, 50)
        assert "completed" in application.statuses()
        await hang_up(page)
        await page.click("#to-stack")
        await expect(page.locator("#recent > li")).to_have_count(2)


async def served(port: str) -> tuple[asyncio.subprocess.Process, str]:
    """Start `phone serve`; return the process and the page's URL."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "phone", "serve", "--port", port), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    async with asyncio.timeout(60):
        line = (await process.stdout.readline()).decode()
    return process, line.removeprefix("softphone ").strip()


async def test_a_program_that_dies_is_explained(browser: Browser) -> None:
    """Killed in mid-call, it is found again by the page, which keeps what it has recorded."""
    process, url = await served("0")
    page = await (await browser.new_context()).new_page()
    try:
        await page.goto(url)
        async with FakeApplication() as application:
            await call(page, application.answer_url)
            await echoes(page, 50)
            process.kill()
            await process.wait()
            await expect(page.locator("#error")).to_contain_text("Is `phone serve` still running?")
            await expect(page.locator("#verdict")).to_have_text("The call was cut off.")
            await expect(page.locator("#links")).to_contain_text("Both sides")
            await expect(page.locator("#call")).to_be_enabled()
            process, _ = await served(url.rstrip("/").rpartition(":")[2])
            await expect(page.locator("#error")).to_be_hidden()
            await call(page, application.answer_url)
            await echoes(page, 50)
            await hang_up(page)
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def test_nothing_of_a_call_becomes_markup(softphone: Softphone, opened: Open) -> None:
    """Hostile text in an NCCO, a message and a reply stays text, wherever it is shown.

    Nor does JSON that a browser cannot read, or a message without end, stop the page.
    """
    huge = "[" + "1e999," * 20_000 + "1]"

    async def hostile(socket: web.WebSocketResponse) -> None:
        async for _ in socket:
            await socket.send_str(HOSTILE)
            await socket.send_str('{"action": NaN}')
            await socket.send_str(huge)
            return

    async with FakeApplication(socket=hostile) as application:
        talk = {"action": "talk", "text": HOSTILE, HOSTILE: HOSTILE, "nan": float("nan")}
        application._ncco = [talk, application.connect(endpoint={"headers": {HOSTILE: HOSTILE}})]
        page = await opened(softphone)
        await call(page, application.answer_url)
        await expect(page.locator("#result")).to_be_visible()
        await page.click("#to-stack")
        await page.click("#to-call")
        assert HOSTILE in await page.inner_text("#ncco")
        assert HOSTILE in await page.inner_text("#timeline")
        assert "NaN" in await page.inner_text("#ncco")
        assert len(await page.inner_html("#timeline")) < len(huge)
        assert await page.locator("main img").count() == 0
        assert await page.evaluate("window.broken") is None


async def test_another_page_gets_nothing(softphone: Softphone, opened: Open) -> None:
    """A website open in the same browser can open no socket, ask for nothing, show no frame."""

    async def website(_: web.Request) -> web.Response:
        return web.Response(text="<!doctype html><title>evil</title>", content_type="text/html")

    page = await opened(softphone)
    async with FakeApplication(answer=website) as stranger:
        await page.goto(stranger.answer_url)
        got: dict[str, Any] = await page.evaluate(
            """async url => {
                const said = (promise) => promise.then(() => "yes", () => "no");
                const socket = new WebSocket(url.replace("http", "ws") + "line");
                const opened = said(new Promise((yes, no) => {
                    socket.onopen = yes;
                    socket.onerror = no;
                }));
                const frame = document.createElement("iframe");
                frame.src = url;
                const loaded = new Promise((done) => { frame.onload = done; });
                document.body.append(frame);
                await loaded;
                return {
                    socket: await opened,
                    status: await said(fetch(url + "status")),
                    doctor: await said(fetch(url + "doctor", {method: "POST"})),
                    picture: await said(new Promise((yes, no) => {
                        const image = new Image();
                        image.onload = yes;
                        image.onerror = no;
                        image.src = url + "static/icon.svg";
                    })),
                };
            }""",
            softphone.url,
        )
        assert set(got.values()) == {"no"}, got
        (_, inside) = page.frames
        assert await inside.locator("#dial").count() == 0


async def test_a_page_too_many_is_told(
    softphone: Softphone, opened: Open, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says that others are open, and takes the place of one that is closed."""
    monkeypatch.setattr("phone.web.server.TABS_MAX", 1)
    first = await opened(softphone)
    second = await (await browser.new_context()).new_page()
    await second.goto(softphone.url)
    await expect(second.locator("#error")).to_contain_text("1 page is open already")
    await first.close()
    await expect(second.locator("#number")).to_contain_text("number is 44")
    await expect(second.locator("#error")).to_be_hidden()
