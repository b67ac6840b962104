"""What the platform says and plays to the caller: `talk`, `stream`, and what is only named."""

import asyncio
import io
import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
import soundfile
from phone.audio.files import Samples, load, resampled
from phone.audio.recognition import is_loud, recognise
from phone.constants import PLATFORM_RATE
from phone.legs.log import Moment, PlatformSound
from phone.legs.trace import LegTrace
from phone.platform.webhooks.client import Timeouts
from phone.report.hearing import heard
from phone.report.page import page
from phone.testing import FakeApplication

from phone import CallPlan, CallReport, call

pytestmark = pytest.mark.usefixtures("fast_clock")
SECONDS = 0.4  # of what is played


def sound(rate: int = PLATFORM_RATE) -> Samples:
    """Return a piece of speech that the caller does not say."""
    return load("speech", rate).samples[4 * rate : round((4 + SECONDS) * rate)]


def encoded(
    rate: int = PLATFORM_RATE, *, form: str = "WAV", subtype: str = "PCM_16", channels: int = 1
) -> bytes:
    """Return it as a file."""
    data = io.BytesIO()
    samples = np.repeat(sound(rate)[:, np.newaxis], channels, axis=1)
    soundfile.write(data, samples, rate, format=form, subtype=subtype)
    return data.getvalue()


async def place(
    application: FakeApplication, *actions: Mapping[str, object], **settings: object
) -> CallReport:
    """Place a short call: the actions, then the application's socket."""
    application._ncco = [*actions, application.connect()]
    plan = {"seconds": 0.2, "wait": 0.5, "talk": "realtime"} | settings
    return await call(CallPlan(application.answer_url, **plan))  # type: ignore[arg-type]  # by name


def stream(application: FakeApplication, name: str = "it.wav", **more: object) -> dict[str, object]:
    """Return the action that plays a file of the application."""
    return {"action": "stream", "streamUrl": [application.file_url(name)], **more}


def texts(report: CallReport, kind: str) -> list[str]:
    """Return the timeline's lines of a kind."""
    return [moment.text for moment in report.moments if moment.kind == kind]


class TestStream:
    """Files that the platform plays."""

    @pytest.mark.parametrize(
        ("data", "kind"),
        [
            (encoded(), "WAV"),
            (encoded(8000, channels=2), "WAV"),
            (encoded(44100, form="MP3", subtype="MPEG_LAYER_III"), "MP3"),
        ],
        ids=["wav", "narrow-stereo", "mp3"],
    )
    async def test_the_caller_hears_it(self, tmp_path: Path, data: bytes, kind: str) -> None:
        """A file is fetched unsigned, played in the time that it takes, and saved before the
        rest.
        """
        target = tmp_path / "heard.wav"
        async with FakeApplication(files={"it.wav": data}) as application:
            begin = time.perf_counter()
            report = await place(
                application, stream(application), save=target, signature_secret="s" * 32
            )
        assert time.perf_counter() - begin > SECONDS
        assert report.ok, report.failures
        (line,) = texts(report, "stream")
        assert line == f"{application.file_url('it.wav')}: {SECONDS} s of {kind}"
        (fetched,) = [r for r in application.requests if r.path == "/files/it.wav"]
        assert "Authorization" not in fetched.headers
        samples, rate = soundfile.read(target, dtype="int16")
        begun = resampled(samples[: round(1.2 * SECONDS * rate)], rate, 8000)
        match = recognise(sound(8000), begun, 8000)
        assert match.found, match
        assert len(samples) > (SECONDS + 0.2) * rate - 320  # the echo comes behind it
        assert report.as_dict()["played"][0]["kind"] == "stream"
        assert "Said and played by the platform" in page(report)

    async def test_at_once(self) -> None:
        """Where nothing takes time the file is checked all the same, and called unheard."""
        async with FakeApplication(files={"it.wav": encoded()}) as application:
            report = await place(application, stream(application), talk="at-once")
        assert report.ok, report.failures
        assert texts(report, "stream")[0].endswith(f"{SECONDS} s of WAV, at once and unheard")
        assert report.played == []

    @pytest.mark.parametrize(
        ("data", "seen"),
        [
            (None, "HTTP 404"),
            (b"<html>not found</html>", "cannot be read as audio"),
            (b"", "cannot be read as audio"),
            (encoded(form="OGG", subtype="VORBIS"), "it is OGG VORBIS"),
            (encoded(subtype="PCM_24"), "it is WAV PCM_24"),
            (encoded()[:44], "holds no audio"),
            (bytes(50_000), "a reply of more than 39 KiB"),
        ],
    )
    async def test_what_the_platform_cannot_play(
        self, monkeypatch: pytest.MonkeyPatch, data: bytes | None, seen: str
    ) -> None:
        """A file that is not there, or is none, fails the call by its name; the rest runs."""
        monkeypatch.setattr("phone.platform.running.announcer.STREAM_MAX_BYTES", 40_000)
        files = {} if data is None else {"it.wav": data}
        async with FakeApplication(files=files) as application:
            report = await place(application, stream(application))
        (problem,) = report.failures
        assert problem.step == "stream"
        assert problem.seen.startswith(application.file_url("it.wav"))
        assert seen in problem.seen
        assert problem.advice
        assert report.sockets[0].alignment.whole

    async def test_a_slow_file(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """A server that does not answer is given up after the time of a webhook."""
        monkeypatch.setattr("phone.platform.running.announcer.DOWNLOAD", Timeouts(1.0, 0.2))

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read()
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        play = {"action": "stream", "streamUrl": [f"http://127.0.0.1:{port}/it.wav"]}
        async with server, FakeApplication() as application:
            report = await place(application, play)
        assert "no complete reply within 0.2 s" in report.failures[0].seen

    async def test_loops(self) -> None:
        """A file is played as often as asked; without end it is played once, with a warning."""
        async with FakeApplication(files={"it.wav": encoded()}) as application:
            twice = await place(application, stream(application, loop=2))
            endless = await place(application, stream(application, loop=0))
        assert len(twice.played) == 2
        assert twice.played[1].at - twice.played[0].at >= SECONDS
        assert len(endless.played) == 1
        assert "a stream with loop 0 never ends" in endless.warnings[0].seen

    async def test_hanging_up(self) -> None:
        """A caller who hangs up has heard only the beginning."""
        hang_up = asyncio.Event()
        data = io.BytesIO()
        whole = load("speech", 8000)
        soundfile.write(data, whole.samples, 8000, format="WAV")
        async with FakeApplication(files={"it.wav": data.getvalue()}) as application:
            application._ncco = [stream(application, loop=100)]
            plan = CallPlan(application.answer_url, talk="realtime", expect="any")

            def on_moment(moment: Moment) -> None:
                if moment.kind == "stream":
                    asyncio.get_running_loop().call_later(0.2, hang_up.set)

            report = await call(plan, hang_up=hang_up, on_moment=on_moment)
        assert report.interrupted
        (piece,) = report.played
        assert 0 < piece.seconds < whole.seconds - 1


@pytest.fixture
def fake_voice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Return a function that puts a script named espeak-ng on the PATH, and nothing else."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (tmp_path / "speech.wav").write_bytes(encoded(22050))
    (folder / "cat").symlink_to(shutil.which("cat") or "")
    (folder / "sleep").symlink_to(shutil.which("sleep") or "")
    monkeypatch.setenv("PATH", str(folder))

    def put(script: str) -> Path:
        program = folder / "espeak-ng"
        program.write_text(f'#!/bin/sh\ncd {tmp_path}\necho "$@" >> arguments\n{script}\n')
        program.chmod(0o755)
        return tmp_path

    return put


class TestAloud:
    """`talk` with a voice."""

    async def test_the_caller_hears_it(self, fake_voice: Callable[[str], Path]) -> None:
        """The words are spoken in the language of the action, without tags, and are heard."""
        folder = fake_voice("cat > words; cat speech.wav")
        talk = {
            "action": "talk",
            "text": '<speak>Tom <break time="1s"/>&amp; <audio src="x"/>Ann</speak>',
            "language": "en-GB",
        }
        async with FakeApplication() as application:
            report = await place(application, talk, talk="aloud")
        assert report.ok, report.failures
        assert (folder / "words").read_text() == "Tom & Ann"
        assert (folder / "arguments").read_text() == "--stdin --stdout -v en-gb\n"
        (spoken,) = report.played
        assert spoken.kind == "talk"
        assert recognise(sound(), spoken.samples, PLATFORM_RATE).found

    async def test_a_language_without_a_voice_of_its_own(
        self, fake_voice: Callable[[str], Path]
    ) -> None:
        """The language's own voice is taken where there is none for the country."""
        folder = fake_voice('[ "$4" = nb ] || exit 1; cat > words; cat speech.wav')
        async with FakeApplication() as application:
            report = await place(
                application, {"action": "talk", "text": "Hei.", "language": "nb-NO"}, talk="aloud"
            )
        assert len(report.played) == 1
        assert (folder / "arguments").read_text().splitlines()[-1].endswith("-v nb")

    async def test_a_language_that_is_none(self, fake_voice: Callable[[str], Path]) -> None:
        """What an application calls a language never becomes another option or a path."""
        folder = fake_voice("cat > words; cat speech.wav")
        async with FakeApplication() as application:
            await place(
                application,
                {"action": "talk", "text": "Hi.", "language": "../../etc/passwd"},
                talk="aloud",
            )
        assert (folder / "arguments").read_text() == "--stdin --stdout -v en-us\n"

    @pytest.mark.parametrize(
        ("script", "seen"),
        [
            ("exit 1", "has no voice for en-us"),
            ("cat > words; echo no sound", "made no sound"),
            ("cat > words", "made no sound"),
            ("exec sleep 60", "did not end within 0.5 s"),
            ("while :; do cat speech.wav; done", "made too much of it"),
        ],
    )
    async def test_a_voice_that_fails(
        self,
        fake_voice: Callable[[str], Path],
        monkeypatch: pytest.MonkeyPatch,
        script: str,
        seen: str,
    ) -> None:
        """A voice that fails is said once, bounded, and does not fail the call."""
        monkeypatch.setattr("phone.audio.voices.SPEAK_SECONDS", 0.5 if "sleep" in script else 20)
        monkeypatch.setattr("phone.audio.voices.SPEECH_MAX_BYTES", 1_000_000)
        fake_voice(script)
        talk = {"action": "talk", "text": "Hi."}
        async with FakeApplication() as application:
            report = await place(application, talk, talk, talk="aloud", strict=True)
        assert report.ok, report.failures
        (warning,) = report.warnings
        assert warning.step == "talk"
        assert seen in warning.seen
        assert report.played == []
        assert report.spoken == ["Hi.", "Hi."]

    async def test_no_voice(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Without espeak-ng one line says so, and the time passes all the same."""
        monkeypatch.setenv("PATH", str(tmp_path))
        async with FakeApplication() as application:
            report = await place(application, {"action": "talk", "text": "Say six."}, talk="aloud")
        assert report.ok, report.failures
        (warning,) = report.warnings
        assert "there is no espeak-ng" in warning.seen
        assert "apt-get install espeak-ng" in warning.advice
        opened = next(moment for moment in report.moments if moment.kind == "socket")
        assert opened.seconds > 0.5

    @pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="espeak-ng is not installed")
    async def test_the_real_voice(self, tmp_path: Path) -> None:
        """With espeak-ng the greeting is audible, and takes the time that saying it takes."""
        target = tmp_path / "heard.wav"
        async with FakeApplication() as application:
            report = await place(
                application,
                {"action": "talk", "text": "Please hold the line.", "language": "en-GB"},
                talk="aloud",
                save=target,
            )
        assert report.warnings == []
        (spoken,) = report.played
        assert 0.7 < spoken.seconds < 4
        assert is_loud(spoken.samples)
        samples, rate = soundfile.read(target, dtype="int16")
        assert recognise(spoken.samples, samples, rate).found


class TestNamed:
    """What a single call cannot have: others to ring or meet, and endpoints nobody simulates."""

    @pytest.mark.parametrize(
        ("action", "seen"),
        [
            ({"action": "record", "format": "wav"}, "the recording can be fetched nowhere"),
            (
                {
                    "action": "connect",
                    "timeout": 3,
                    "endpoint": [{"type": "phone", "number": "447700900002"}],
                },
                "447700900002 rang, but no subscriber has that number",
            ),
            ({"action": "conversation", "name": "room"}, "alone in the conversation"),
            ({"action": "transfer", "conversationId": "CON-1"}, "there is no conversation CON-1"),
        ],
    )
    async def test_alone(self, action: dict[str, object], seen: str) -> None:
        """The report says what is missing; the call works."""
        async with FakeApplication() as application:
            report = await place(application, action, expect="any")
        assert report.ok, report.failures
        assert [seen in warning.seen for warning in report.warnings] == [True]

    @pytest.mark.parametrize(
        "endpoint",
        [
            {"type": "sip", "uri": "sip:rebekka@sip.example.com"},
            {"type": "vbc", "extension": "123"},
            {"type": "app", "user": "jamie"},
        ],
    )
    async def test_skipped(self, endpoint: dict[str, object]) -> None:
        """The report and the timeline name what nobody simulates."""
        async with FakeApplication() as application:
            action = {"action": "connect", "endpoint": [endpoint]}
            report = await place(application, action, expect="any")
        assert report.ok, report.failures
        (warning,) = report.warnings
        assert f"connect to {endpoint['type']} was skipped" in warning.seen
        assert len(texts(report, "skipped")) == 1

    @pytest.mark.parametrize(
        ("action", "field"),
        [
            ({"action": "record", "timeOut": 1}, "[0].timeOut"),
            ({"action": "stream", "streamUrl": ["it.wav"]}, "[0].streamUrl"),
            ({"action": "stream", "streamUrl": "http://localhost/it.wav"}, "[0].streamUrl"),
            ({"action": "transfer"}, "[0].conversationId"),
            ({"action": "conversation"}, "[0].name"),
        ],
    )
    async def test_wrong(self, action: dict[str, object], field: str) -> None:
        """One that breaks a rule is refused, though it would be skipped."""
        async with FakeApplication() as application:
            report = await place(application, action)
        assert field in report.failures[0].seen


class TestHeard:
    """Everything heard, on one clock."""

    def test_in_its_place(self) -> None:
        """Sounds keep their distance, at any rate; a socket's follow on the same clock."""
        loud = np.full(1600, 1000, np.int16)
        trace = LegTrace(8000)
        trace.playback.frames = [b"\1\1" * 160, None, b"\1\1" * 160]
        trace.playback.first_at = 101.0
        later = PlatformSound("talk", "", 100.5, loud)
        first = PlatformSound("stream", "", 100.0, loud)
        together = heard([later, first], [trace], 8000)
        assert len(together) == 8000 + 3 * 160
        assert together[400] == together[4400] == pytest.approx(1000, abs=2)
        assert together[2000] == together[6000] == 0
        assert together[8000] == 257
        assert together[8160] == 0

    def test_nothing(self) -> None:
        """A call without sound was silent."""
        assert len(heard([], [LegTrace(8000)], 8000)) == 0

    def test_one_after_the_other(self) -> None:
        """What would begin within another sound begins behind it."""
        loud = np.full(1600, 1000, np.int16)
        pieces = [PlatformSound("talk", "", at, loud) for at in (1.0, 1.05)]
        assert len(heard(pieces, [], PLATFORM_RATE)) == 3200
