"""The mood of what is said reaches a webhook, and stands with the live calls."""

from __future__ import annotations

import http.server
import json
import re
import threading
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.placing import during_a_call
from tests.waiting import until
from tools.processes import ProcessStack


@pytest.fixture
def webhook() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Yield the URL of a web server, and the list of what is posted to it."""
    posted: list[dict[str, Any]] = []

    class Taker(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            posted.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Taker) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/", posted
        server.shutdown()
        thread.join()


def calls_of(stack: ProcessStack) -> list[dict[str, Any]]:
    """What echo-service says of its live calls."""
    found = re.search(r"\bmetrics_listening url=(\S+)", stack.logs("echo-service"))
    assert found
    with urllib.request.urlopen(f"{found[1]}/calls", timeout=15) as reply:
        return list(json.load(reply)["calls"])


def test_good_and_bad_words_are_told_apart(
    start: Callable[..., ProcessStack],
    caller: Callable[..., Path],
    webhook: tuple[str, list[dict[str, Any]]],
) -> None:
    """Praise is scored above zero, a complaint below, and both are posted as they are said."""
    url, posted = webhook
    stack = start("sentiment.handler:sentiment", AUDIO_QUEUE_FRAMES="500", SENTIMENT_WEBHOOK=url)
    # Sentence 5 is praise, sentence 6 a complaint.
    audio = caller(0.5, "sentence-5", 1.5, "sentence-6", 3.0)
    with during_a_call(stack, "--audio", str(audio), "--expect", "any") as finished:
        until(lambda: bool(posted), "the first event at the webhook")
        (live,) = calls_of(stack)
        outcome = finished()
    assert outcome.status == 0, outcome.words
    until(lambda: len(posted) >= 2, "two events at the webhook")
    assert live["call"] == outcome.report["uuid"]
    assert live["notes"] == {"mood": posted[0]["mood"], "mood_overall": posted[0]["mood_overall"]}
    praise, complaint = posted[0], posted[-1]
    assert praise["call"] == complaint["call"] == outcome.report["uuid"]
    assert "wonderful" in praise["words"]
    assert praise["mood"] > 0.3
    assert complaint["mood"] < -0.3
    assert complaint["at"] > praise["at"]
    assert -1 < complaint["mood_overall"] < praise["mood_overall"]
