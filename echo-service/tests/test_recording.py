"""Recordings: what stands in them, and what happens when they cannot be made."""
# ruff: noqa: ASYNC110, ASYNC240 - files are looked at that a thread has just written

from __future__ import annotations

import asyncio
import errno
import json
import logging
import os
import stat
import threading
import time
import wave
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from echo_service.logs import masked
from echo_service.recording import Recorder, folder
from echo_service.recording.stereo_file import HEADER_BYTES, StereoFile, header
from echo_service.service import EchoService
from wire_peer import BINARY, TEXT, Peer, connected, until
from wire_peer import frame as message

Start = Callable[..., AbstractAsyncContextManager[EchoService]]

RATE = 8000
SAMPLES = 160


def event_name(record: logging.LogRecord) -> object:
    """The name of a logged event."""
    return record.msg["event"] if isinstance(record.msg, dict) else record.msg


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 50.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    """The recordings' clock."""
    return Clock()


@pytest.fixture
def where(tmp_path: Path) -> Path:
    """A folder that is not there yet."""
    return tmp_path / "recordings"


def frame(value: int) -> bytes:
    """20 ms of one value."""
    return np.full(SAMPLES, value, "<i2").tobytes()


def channels(path: Path) -> tuple[npt.NDArray[np.int16], npt.NDArray[np.int16]]:
    """Read both channels as an ordinary player would."""
    with wave.open(str(path), "rb") as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (2, 2, RATE)
        both = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2)
    return both[:, 0], both[:, 1]


def only(where: Path, pattern: str) -> Path:
    """The one file of this kind."""
    (path,) = where.glob(pattern)
    return path


async def until_there(where: Path, pattern: str, seconds: float) -> Path:
    """Wait until a file of the pattern holds so much."""
    for _ in range(500):
        for path in where.glob(pattern):
            with wave.open(str(path), "rb") as file:
                if file.getnframes() >= seconds * RATE:
                    return path
        await asyncio.sleep(0.02)
    raise AssertionError(f"no {pattern} with {seconds} s in {where}")


async def test_both_directions_stand_at_their_time(where: Path, clock: Clock) -> None:
    """Left is what came, right what was sent, each at the time at which it is heard."""
    async with Recorder(where, 0, clock) as recorder:
        recording = recorder.start("a-call", RATE)
        for number in range(100):
            recording.received(frame(number + 1))
            if number == 50:
                for value in range(25):
                    recording.sent(frame(1000 + value))
            clock.now += 0.02
        recording.end({"uuid": "a-call"}, {"frames_in": 100})
    left, right = channels(only(where, "*.wav"))
    assert left.tolist() == [n // SAMPLES + 1 for n in range(100 * SAMPLES)]
    assert right.tolist()[50 * SAMPLES : 75 * SAMPLES] == [
        1000 + n // SAMPLES for n in range(25 * SAMPLES)
    ]
    assert not right[: 50 * SAMPLES].any()
    assert not right[75 * SAMPLES :].any()
    assert recorder.counts.finished == 1
    assert list(where.glob("*.part")) == []


async def test_what_is_cleared_is_not_heard(where: Path, clock: Clock) -> None:
    """Audio that the platform was told to forget is not in the file, what was played is."""
    async with Recorder(where, 0, clock) as recorder:
        recording = recorder.start("a-call", RATE)
        for value in range(500):
            recording.sent(frame(value + 1))
        clock.now += 1
        recording.cleared()
        recording.sent(frame(9999))
        clock.now += 1
        recording.end({}, {})
    assert recorder._disk.waiting_bytes == 0
    _, right = channels(only(where, "*.wav"))
    assert right[: 50 * SAMPLES : SAMPLES].tolist() == list(range(1, 51))
    assert set(right[50 * SAMPLES : 51 * SAMPLES]) == {9999}
    assert not right[51 * SAMPLES :].any()
    assert len(right) == 2 * RATE


async def test_an_unfinished_file_can_be_played(where: Path, clock: Clock) -> None:
    """While the call goes on, and so after a crash, the file holds all but the last moment."""
    async with Recorder(where, 0, clock) as recorder:
        recording = recorder.start("a-call", RATE)
        for number in range(200):
            recording.received(frame(number + 1))
            clock.now += 0.02
        part = await until_there(where, "*.wav.part", 4.0)
        left, _ = channels(part)
        assert left.tolist() == [n // SAMPLES + 1 for n in range(200 * SAMPLES)]
        assert list(where.glob("*.wav")) == []
        recording.end({}, {})


async def test_facts_stand_beside_it(where: Path, clock: Clock) -> None:
    """A JSON file says which call it was; both files are for their owner alone."""
    async with Recorder(where, 0, clock) as recorder:
        recording = recorder.start("a-call", RATE)
        recording.received(frame(1))
        clock.now += 2
        recording.end({"uuid": "a-call"}, {"frames_in": 1})
    facts = json.loads(only(where, "*.json").read_text())
    assert facts["call"] == "a-call"
    assert facts["file"] == only(where, "*.wav").name
    assert (facts["rate"], facts["seconds"], facts["complete"]) == (RATE, 2.0, True)
    assert facts["metadata"] == {"uuid": "a-call"}
    assert facts["summary"] == {"frames_in": 1}
    for path in where.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(where.stat().st_mode) == 0o700


@pytest.mark.parametrize("call", ["../../etc/passwd", "a\x00b\n", "", "ü" * 300, ".", "CON:1"])
async def test_ids_are_harmless(where: Path, call: str) -> None:
    """Whatever the call's id, the file is in the folder and has a plain name."""
    async with Recorder(where, 0) as recorder:
        recorder.start(call, RATE).end({}, {})
    path = only(where, "*.wav")
    assert path.parent == where
    assert path.name.isascii()
    assert len(path.name) < 100
    assert folder._OURS.fullmatch(path.name)


async def test_calls_of_one_id_have_files_of_their_own(where: Path) -> None:
    """Two calls with the same id at the same time do not write into each other's file."""
    both = [folder.create(where, "same", 1e9, RATE) for _ in range(2)]
    names = {paths[1].name for paths, _ in both}
    assert names == {"20010909T014640.000Z-same.wav", "20010909T014640.000Z-same-2.wav"}
    for paths, file in both:
        file.close()
        folder.finish(paths, {})
    assert len(list(where.glob("*.wav"))) == 2


async def test_a_folder_that_cannot_be_made(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It is said at the start; the call goes on, with one error and a count."""
    (tmp_path / "file").touch()
    async with Recorder(tmp_path / "file" / "recordings", 0) as recorder:
        recording = recorder.start("a-call", RATE)
        await recording.task
        for _ in range(100):
            recording.received(frame(1))
        recording.end({}, {})
    assert [(r.levelno, event_name(r)) for r in caplog.records] == [
        (logging.WARNING, "recordings_not_writable"),
        (logging.ERROR, "recording_failed"),
    ]
    assert recorder.counts.failed == 1
    assert recorder.counts.finished == 0


async def test_a_disk_that_fills_up(
    where: Path, clock: Clock, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the disk is full the call goes on, and what was written before can be played."""
    full, room = False, 100
    pwrite = os.pwrite

    def limited(file: int, data: memoryview, at: int) -> int:
        nonlocal room
        if full and not room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        if full:
            data, room = data[:room], 0
        return pwrite(file, data, at)

    monkeypatch.setattr(os, "pwrite", limited)
    async with Recorder(where, 0, clock) as recorder:
        recording = recorder.start("a-call", RATE)
        for _ in range(50):
            recording.received(frame(7))
            clock.now += 0.02
        await until_there(where, "*.part", 1.0)
        full = True
        for _ in range(50):
            recording.received(frame(8))
            clock.now += 0.02
        async with asyncio.timeout(5):
            while not recorder.counts.failed:
                await asyncio.sleep(0.02)
        recording.received(frame(9))
        recording.end({}, {})
    left, _ = channels(only(where, "*.wav"))
    assert set(left) == {7}
    facts = json.loads(only(where, "*.json").read_text())
    assert facts["complete"] is False
    assert facts["seconds"] == len(left) / RATE
    assert facts["dropped_frames"] == 101 - len(left) // SAMPLES
    assert recorder.counts.dropped_frames == facts["dropped_frames"]
    assert recorder._disk.waiting_bytes == 0
    # Nothing stands behind what the header speaks of.
    assert only(where, "*.wav").stat().st_size == HEADER_BYTES + 4 * len(left)
    (error,) = [r for r in caplog.records if r.levelno >= logging.ERROR]
    assert isinstance(error.msg, dict)
    assert error.msg["error"] == "No space left on device"
    assert "RECORDINGS_DIR" in error.msg["message"]


async def test_a_disk_that_hangs(where: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the disk hangs, what waits for it is bounded, and what is missing is counted."""
    async with Recorder(where, 0) as recorder:
        recording = recorder.start("a-call", RATE)
        monkeypatch.setattr("echo_service.recording.recording.MAX_WAITING_FRAMES", 10)
        for _ in range(15):
            recording.received(frame(1))
        assert recording.dropped == 5
        recording.end({}, {})
    assert recorder.counts.dropped_frames == 5
    assert recorder._disk.waiting_bytes == 0
    assert json.loads(only(where, "*.json").read_text())["complete"] is False


async def test_all_calls_together_wait_for_the_disk_within_bounds(
    where: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many calls there are, what the disk does not take costs so many bytes at most."""
    hangs = threading.Event()
    monkeypatch.setattr("echo_service.recording.recording.MAX_WAITING_BYTES", 5 * len(frame(1)))
    async with Recorder(where, 0) as recorder:
        blocked = recorder._disk.submit(hangs.wait, 20)
        calls = [recorder.start(f"call-{number}", RATE) for number in range(4)]
        for call in calls:
            call.received(frame(1))
            call.sent(frame(2))
        assert recorder._disk.waiting_bytes == 5 * len(frame(1))
        assert [call.dropped for call in calls] == [0, 0, 1, 2]
        hangs.set()
        assert blocked.result()
        for call in calls:
            call.end({}, {})
        # After its end a call takes room no more, whatever still comes.
        async with asyncio.timeout(10):
            await asyncio.wait([call.task for call in calls])
        calls[0].received(frame(1))
        assert recorder._disk.waiting_bytes == 0
    assert recorder.counts.finished == 4


async def test_old_recordings_are_removed(where: Path) -> None:
    """Recordings older than so many days go, with all that belongs to them; nothing else does."""
    where.mkdir()
    stem = "20010909T014640.000Z-a-call"
    names = [f"{stem}.wav", f"{stem}.json", f"{stem}.wav.part", "notes.txt", "music.wav"]
    for name in names:
        (where / name).touch()
        os.utime(where / name, (time.time() - 2 * 86400,) * 2)
    (where / f"{stem}-2.wav").touch()
    (where / f"{stem}-3.wav").symlink_to(where / "notes.txt")
    async with Recorder(where, days=1), asyncio.timeout(5):
        while (where / names[0]).exists():
            await asyncio.sleep(0.01)
    left = sorted(path.name for path in where.iterdir())
    assert left == sorted(["music.wav", "notes.txt", f"{stem}-2.wav", f"{stem}-3.wav"])


async def test_old_recordings_go_when_none_are_made(where: Path, start: Start) -> None:
    """What was recorded before recording was switched off is removed in its time, too."""
    where.mkdir()
    old = where / "20010909T014640.000Z-a-call.wav"
    old.touch()
    os.utime(old, (0, 0))
    async with start(recordings_dir=str(where), recordings_days=1) as service:
        await until(lambda: not old.exists())
        async with Peer.connect(service.port) as peer:
            peer.write(message(TEXT, connected(uuid="a").encode()))
            peer.write(message(BINARY, bytes(640)))
            (call,) = service.registry.calls.values()
            await until(lambda: call.stats.totals().frames_out)
    assert not list(where.iterdir())


async def test_nothing_to_remove(where: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A folder that is not there yet is no error."""
    async with Recorder(where, days=1) as recorder:
        await recorder._disk.run(int)
    assert caplog.records == []


def test_numbers_are_masked() -> None:
    """Telephone numbers are hidden wherever they stand."""
    metadata = {"from": "447700900123", "list": [447700900456, "x"], "deep": {"to": "+15550123456"}}
    assert masked(metadata) == {
        "from": "**********23",
        "list": ["**********56", "x"],
        "deep": {"to": "**********56"},
    }
    assert masked([1, None, True, 1.5]) == [1, None, True, 1.5]


@pytest.fixture
def file(tmp_path: Path) -> Iterator[StereoFile]:
    """A file of its own."""
    made = StereoFile(tmp_path / "x.wav", RATE)
    yield made
    made.close()


def test_late_audio_finds_its_place(file: StereoFile, tmp_path: Path) -> None:
    """Audio that comes after its place was written as silence is written over it."""
    for second in range(1, 6):
        file.write([], [(second * RATE - SAMPLES, frame(second))], second * RATE)
    file.write([(3 * RATE, frame(99))], [], 5 * RATE)
    left, right = channels(tmp_path / "x.wav")
    assert set(left[3 * RATE : 3 * RATE + SAMPLES]) == {99}
    assert [int(right[second * RATE - 1]) for second in range(1, 6)] == [1, 2, 3, 4, 5]
    assert len(left) == 5 * RATE
    assert file.seconds == 5


def test_the_header_is_one_that_players_know() -> None:
    """The header is the plain RIFF header of 44 bytes."""
    assert header(16000, 64000) == (
        b"RIFF" + (64036).to_bytes(4, "little") + b"WAVEfmt \x10\0\0\0\x01\0\x02\0"
        b"\x80\x3e\0\0\0\xfa\0\0\x04\0\x10\0data" + (64000).to_bytes(4, "little")
    )


def test_pieces_may_have_gaps_and_odd_ends(file: StereoFile, tmp_path: Path) -> None:
    """Pieces are joined where they touch; between others there is silence; half a sample is cut."""
    touching = [(0, frame(1)), (SAMPLES, frame(2) + b"x"), (4 * SAMPLES, frame(3))]
    file.write(touching, [(2 * SAMPLES, frame(4))], 5 * SAMPLES)
    left, right = channels(tmp_path / "x.wav")
    assert left[::SAMPLES].tolist() == [1, 2, 0, 0, 3]
    assert right[::SAMPLES].tolist() == [0, 0, 4, 0, 0]
    assert len(left) == 5 * SAMPLES


async def test_jobs_are_done_in_order_and_their_errors_are_kept(where: Path) -> None:
    """What waits for others is done before what is queued after it; an error is its own."""
    done: list[int] = []
    async with Recorder(where, 0) as recorder:
        disk = recorder._disk
        jobs = [disk.submit_soon(done.append, 1), disk.submit_soon(int, "x")]
        jobs.append(disk.submit_soon(done.append, 2))
        assert not any(job.done for job in jobs)
        await disk.run(done.append, 3)
        assert done == [1, 2, 3]
        assert all(job.done for job in jobs)
        with pytest.raises(ValueError, match="invalid literal"):
            jobs[1].check()
        alone = disk.submit_soon(done.append, 4)
        await until(lambda: alone.done)
