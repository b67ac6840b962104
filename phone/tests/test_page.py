"""The call as a page: complete, self-contained, and safe to open."""

import json
import os
import re
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest
from aiohttp import web
from phone.report.page import page, write_page
from phone.testing import FakeApplication, loses_every

from phone import CallPlan, call


class Tags(HTMLParser):
    """Collects what a page consists of, and checks that it is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []
        self.links: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag and its addresses."""
        self.seen.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("src", "href")]
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Expect the tag to be the one last opened."""
        assert self.open.pop() == tag


def parsed(text: str) -> Tags:
    """Parse a page."""
    tags = Tags()
    tags.feed(re.sub(r"<(line|rect|circle|polygon)([^>]*)/>", r"<\1\2></\1>", text))
    tags.close()
    assert tags.open == []
    return tags


async def test_a_call(tmp_path: Path) -> None:
    """The page of a call shows both sounds, the delay, the timeline, and every request."""
    async with FakeApplication(loses_every(10)) as application:
        report = await call(CallPlan(application.answer_url, seconds=0.6, wait=0.3))
    target = tmp_path / "call.html"
    write_page(report, target)
    text = target.read_text("utf-8")
    tags = parsed(text)
    assert tags.seen.count("svg") == 3
    assert tags.seen.count("details") == len(report.exchanges) == 9
    assert tags.links == []
    assert "script" not in tags.seen
    assert "The call did not work." in text
    assert "2 lost" in text or "3 lost" in text
    assert "websocket:connected" in text
    for picture in re.findall(r"<svg.*?</svg>", text):
        ElementTree.fromstring(picture)  # noqa: S314 - our own
    assert os.listdir(tmp_path) == ["call.html"]


async def test_what_the_application_says_is_escaped() -> None:
    """An application cannot put markup into the page."""
    evil = "<script>alert(1)</script>"

    async def answer(request: web.Request) -> web.Response:
        return web.Response(text=f'[{{"action":"{evil}"}}]', content_type="application/json")

    async with FakeApplication(answer=answer) as application:
        report = await call(CallPlan(application.answer_url))
    text = page(report)
    assert "<script" not in text
    assert "&lt;script&gt;" in text
    parsed(text)


async def test_no_secret_is_shown() -> None:
    """A socket's authorization is in neither the page nor the JSON."""
    async with FakeApplication() as application:
        secret = {"authorization": {"type": "custom", "value": "Bearer very.secret"}}
        application._ncco = [application.connect(endpoint=secret)]
        report = await call(CallPlan(application.answer_url, seconds=0.1))
    assert report.ok
    assert "very.secret" not in page(report)
    assert "very.secret" not in json.dumps(report.as_dict())
    assert "(left out)" in page(report)


async def test_a_call_that_was_not_answered() -> None:
    """A call without a socket has a page, too."""
    report = await call(CallPlan("http://127.0.0.1:9/answer"))
    assert "is the application running" in page(report)
    parsed(page(report))


async def test_unwritable(tmp_path: Path) -> None:
    """A page that cannot be written is an error, not half a page."""
    report = await call(CallPlan("http://127.0.0.1:9/answer"))
    with pytest.raises(OSError, match="nowhere"):
        write_page(report, tmp_path / "nowhere" / "call.html")
