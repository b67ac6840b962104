"""A real browser for the softphone's page, with a microphone that hears the speech sample.

Run by `make test-softphone`; without Chromium these tests are skipped, unless CI asks for them.
"""

import os
import shutil
from collections.abc import AsyncIterator
from typing import Any

import pytest
from browser_page import WAIT_MS, Open, speech_file
from phone.platform.registration import Registration
from phone.testing import FakeApplication
from phone.web import Softphone, SoftphoneSettings
from playwright.async_api import Browser, Page, async_playwright, expect

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium")

expect.set_options(timeout=WAIT_MS)


@pytest.fixture
def switches() -> list[str]:
    """Return the browser's switches; a module may have others."""
    return [
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-audio-capture={speech_file()}%noloop",
    ]


@pytest.fixture
async def browser(switches: list[str]) -> AsyncIterator[Browser]:
    """Return a browser whose microphone hears the speech sample, once, when it is opened."""
    if CHROMIUM is None and not os.environ.get("CI"):
        pytest.skip("no Chromium is on the PATH (on Debian: apt-get install chromium)")
    async with async_playwright() as playwright:
        running = await playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=[
                "--no-sandbox",  # it does not start as root, in containers
                "--autoplay-policy=no-user-gesture-required",
                *switches,
            ],
        )
        yield running
        await running.close()


@pytest.fixture
async def softphone() -> AsyncIterator[Softphone]:
    """Return a softphone that serves on a free port."""
    async with Softphone(SoftphoneSettings(port=0)) as running:
        yield running


@pytest.fixture
async def network() -> AsyncIterator[tuple[Softphone, FakeApplication]]:
    """Return a softphone with a platform in it, and the application that it knows."""
    async with FakeApplication() as application:
        hooks = {"answer_url": application.answer_url, "event_url": application.event_url}
        registration = Registration.model_validate({"webhooks": hooks})
        async with Softphone(SoftphoneSettings(port=0), registration) as running:
            yield running, application


@pytest.fixture
async def opened(browser: Browser) -> AsyncIterator[Open]:
    """Return what opens a softphone's page; an error in its script fails the test."""
    errors: list[str] = []

    async def open_page(
        softphone: Softphone, permissions: tuple[str, ...] = ("microphone",), **settings: Any
    ) -> Page:
        context = await browser.new_context(permissions=list(permissions), **settings)
        context.set_default_timeout(WAIT_MS)
        page = await context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        await page.goto(softphone.url)
        await expect(page.locator("#number")).to_contain_text("number is 44")
        return page

    yield open_page
    assert not errors
