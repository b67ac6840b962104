"""A softphone's page in a browser: what tests do in it, and what they measure in its recording."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import numpy as np
import soundfile
from phone.audio.correlation import LOUD_RMS, SIMILAR, best_place, loudness
from phone.audio.files import SPEECH_FILE, Samples, load, resampled
from playwright.async_api import Page, expect

WAIT_MS = 60_000
WINDOW_SECONDS = 0.2
HOP_SECONDS = 0.1
LAG_SECONDS = 2.0  # at most from what is said to the same sound heard
SAME_LAG_MS = 2.0

HOLD_MICROPHONE = """() => {
    const devices = navigator.mediaDevices;
    const open = devices.getUserMedia.bind(devices);
    const held = new Promise((go) => { window.release = go; });
    devices.getUserMedia = async (wanted) => { await held; return open(wanted); };
}"""
"""Lets the page wait for the microphone until `release()`."""

Open = Callable[..., Awaitable[Page]]


def speech_file() -> Path:
    """Return the speech sample."""
    return Path(str(resources.files("phone") / SPEECH_FILE))


def speech(rate: int, first: float, last: float) -> Samples:
    """Return the speech sample from one second to another, at `rate` Hz."""
    samples = resampled(load("speech", 16000).samples, 16000, rate)
    return samples[round(first * rate) : round(last * rate)]


async def call(page: Page, url: str, source: str = "speech") -> None:
    """Fill in the form, and call."""
    await page.fill("#answer-url", url)
    await page.select_option("#source", source)
    await page.click("#call")


async def echoes(page: Page, frames: int) -> None:
    """Wait until so many frames have come back."""
    await page.wait_for_function(
        "frames => Number(document.querySelector('#f-received').textContent.replace(',', ''))"
        " >= frames",
        arg=frames,
    )


async def received(page: Page) -> int:
    """Return how many frames have come back."""
    return int((await page.inner_text("#f-received")).replace(",", ""))


async def hang_up(page: Page) -> None:
    """Hang up, and wait for the result."""
    await page.click("#hang-up")
    await expect(page.locator("#result")).to_be_visible()
    await expect(page.locator("#call")).to_be_enabled()


async def recording(page: Page) -> tuple[Samples, Samples, int]:
    """Return what the page recorded: said, heard, and the Hz of both."""
    async with page.expect_download() as download:
        await page.click("text=Both sides")
    both, rate = soundfile.read(await (await download.value).path(), dtype="int16")
    return both[:, 0], both[:, 1], rate


async def until(happened: Callable[[], bool]) -> None:
    """Wait for something outside of the page."""
    async with asyncio.timeout(WAIT_MS / 1000):
        while not happened():  # noqa: ASYNC110 - it has no event of its own
            await asyncio.sleep(0.05)


@dataclass(frozen=True)
class Echo:
    """How what was heard follows what was said, in a recording of both on one clock.

    Args:
        windows: of 200 ms in which something was said.
        lost: of them that were not heard.
        steps: how often the lag from one to the next changed.
        lag_ms: the median lag.
        least_ms: the least one.
        likeness: the median correlation.

    """

    windows: int
    lost: int
    steps: int
    lag_ms: float
    least_ms: float
    likeness: float

    @classmethod
    def of(cls, said: Samples, heard: Samples, recorded: int, rate: int) -> "Echo":
        """Measure a recording.

        Args:
            said: what the page said.
            heard: what it heard.
            recorded: the Hz of both.
            rate: the call's; what lies above its half cannot come back.

        """
        mouth = resampled(said, recorded, rate).astype(np.float64)
        ear = resampled(heard, recorded, rate).astype(np.float64)
        size, reach = round(WINDOW_SECONDS * rate), round(LAG_SECONDS * rate)
        scores, lags = [], []
        for first in range(0, len(mouth) - size - reach, round(HOP_SECONDS * rate)):
            window = mouth[first : first + size]
            if loudness(window) < LOUD_RMS:
                continue
            lag, score = best_place(window, ear[first : first + size + reach])
            scores.append(score)
            if score >= SIMILAR:
                lags.append(lag / rate * 1000)
        if not lags:
            return cls(len(scores), len(scores), 0, 0.0, 0.0, 0.0)
        return cls(
            len(scores),
            len(scores) - len(lags),
            sum(abs(now - before) > SAME_LAG_MS for before, now in itertools.pairwise(lags)),
            float(np.median(lags)),
            min(lags),
            float(np.median(scores)),
        )
