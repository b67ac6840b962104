"""Calls led by a test, and the pytest plugin that places them."""

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from aiohttp import WSMsgType, web
from phone.audio.files import load
from phone.audio.recognition import recognise
from phone.testing import FakeApplication, closes_after, every

from phone import CallFailed, CallPlan, LiveCall, PlanError

pytest_plugins = ["pytester"]
Serve = Callable[..., FakeApplication]  # the fixture of conftest.py
ATTEMPTS = 5  # to say something on a machine whose freezes tear holes into the sound


def clip(path: Path, first: float, last: float) -> Path:
    """Write a part of the speech sample."""
    voice = load("speech", 16000)
    soundfile.write(path, voice.samples[int(first * 16000) : int(last * 16000)], 16000)
    return path


def test_say_and_hear(serve: Serve, tmp_path: Path) -> None:
    """What an echo gets is heard; what it never got is not."""
    said, never = clip(tmp_path / "said.wav", 1.0, 2.2), clip(tmp_path / "never.wav", 4.0, 5.2)
    with LiveCall(CallPlan(serve().answer_url, expect="any")) as call:
        for _ in range(ATTEMPTS):
            call.say(said)
            if heard := call.heard(said, within=1):
                break
        assert heard
        missing = call.heard(never, within=0.2)
        assert not missing
        assert "never.wav" in repr(missing)
        assert "not heard" in repr(missing)
        report = call.hang_up()
    assert report.ok, report.problems
    assert report.sockets[0].trace.close_code == 1000


def test_what_the_platform_plays(serve: Serve, tmp_path: Path) -> None:
    """A file that the NCCO plays before the socket is heard, too, when time passes for it."""
    played, never = clip(tmp_path / "played.wav", 1.0, 2.2), clip(tmp_path / "never.wav", 4.0, 5.2)
    application = serve(files={"played.wav": played.read_bytes()})
    play = {"action": "stream", "streamUrl": [application.file_url("played.wav")]}
    application._ncco = [play, application.connect()]
    with LiveCall(CallPlan(application.answer_url, expect="any", talk="realtime")) as call:
        assert call.heard(played, within=60)
        assert not call.heard(never, within=0.1)


def test_keys_and_texts(serve: Serve) -> None:
    """Keys are pressed while the call runs; the application's texts are seen."""

    async def mirror(connection: web.WebSocketResponse) -> None:
        async for message in connection:
            if message.type == WSMsgType.TEXT and "dtmf" in message.data:
                await connection.send_str(message.data)

    with LiveCall(CallPlan(serve(mirror).answer_url, expect="any")) as call:
        call.press("5#")
        deadline = time.monotonic() + 20
        while len(call.texts) < 2 and time.monotonic() < deadline:
            call.listen(0.1)
        assert [text.count("websocket:dtmf") for text in call.texts] == [1, 1]
        with pytest.raises(PlanError):
            call.press("x")


def test_silence_is_nothing(serve: Serve) -> None:
    """An application that says nothing is not heard, and the wait is bounded."""
    with LiveCall(CallPlan(serve(every(lambda n, frame: [])).answer_url, expect="any")) as call:
        assert not call.heard(within=0.3)
        call.say("tone", wait=False)


def test_an_application_that_is_down() -> None:
    """A call that is not answered fails with its report."""
    with pytest.raises(CallFailed, match="is the application running"):
        LiveCall(CallPlan("http://127.0.0.1:9/answer"))


def test_an_application_that_hangs_up(serve: Serve) -> None:
    """Saying something into a call that is over fails with its report."""
    with LiveCall(CallPlan(serve(closes_after(5)).answer_url, expect="any")) as call:
        call.listen(10)
        with pytest.raises(CallFailed, match="closed the socket with 1011"):
            call.say("speech")


def test_plugin(serve: Serve, pytester: pytest.Pytester) -> None:
    """A test with the fixture passes or fails as the application does, readably."""
    url = serve().answer_url
    clip(pytester.path / "said.wav", 1.0, 1.6)
    pytester.makepyfile(
        f"""
        def test_echo(vonage_call):
            call = vonage_call({url!r})
            for _ in range({ATTEMPTS}):
                call.say("said.wav")
                heard = call.heard("said.wav", within=1)
                if heard:
                    break
            assert heard

        def test_wrong(vonage_call):
            call = vonage_call({url!r})
            assert call.heard("speech", within=0.2)
        """
    )
    result = pytester.runpytest_subprocess("-p", "no:cacheprovider")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*speech: not heard*"])


class TestRecognise:
    """Finding one sound in another."""

    def test_found_later_and_quieter(self) -> None:
        """A sound is found after a pause, at half its level, with a gap in it."""
        speech = load("speech", 8000).samples
        wanted = speech[8000:24000]
        gap = np.zeros(800, np.int16)
        heard = np.concatenate(
            [np.zeros(12000, np.int16), wanted[:9000] // 2, gap, wanted[9000:] // 2]
        )
        match = recognise(wanted, heard, 8000)
        assert match.found
        assert match.at == pytest.approx(1.5, abs=0.15)

    def test_not_in_noise(self) -> None:
        """Noise is not speech, and speech is not another part of itself."""
        speech = load("speech", 8000).samples
        noise = np.random.default_rng(2).integers(-5000, 5000, 40000).astype(np.int16)
        assert not recognise(speech[8000:24000], noise, 8000).found
        assert not recognise(speech[8000:20000], speech[30000:50000], 8000).found

    def test_nothing(self) -> None:
        """Silence is found nowhere."""
        silence = np.zeros(8000, np.int16)
        assert not recognise(silence, silence, 8000).found
        assert not recognise(load("tone", 8000).samples, silence[:10], 8000).found


def test_a_sound_that_was_cut_off_is_recognised() -> None:
    """The last moment is lost when a call ends with it; half of the sound is not the sound."""
    sound = load("speech", 16000).samples[16000:48000]
    before = load("tone", 16000).samples[:16000]
    match = recognise(sound, np.concatenate((before, sound[:-640])), 16000)
    assert match.found
    assert match.at == 1.0
    assert not recognise(sound, np.concatenate((before, sound[:16000])), 16000).found
