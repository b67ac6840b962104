"""A stack whose echo-service runs one of the examples, and callers who speak."""

from __future__ import annotations

import contextlib
import os
import wave
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tools.processes import ProcessStack

HERE = Path(__file__).parent
RATE = 16000


@pytest.fixture
def start() -> Iterator[Callable[..., ProcessStack]]:
    """Return what starts a stack with a handler of the examples, and these settings."""
    with contextlib.ExitStack() as running:

        def started(
            handler: str, ncco_service: dict[str, str] | None = None, **settings: str
        ) -> ProcessStack:
            path = os.pathsep.join([str(HERE.parent), os.environ.get("PYTHONPATH", "")])
            echo_service = {"AUDIO_HANDLER": handler, "PYTHONPATH": path, **settings}
            both = {"echo-service": echo_service, "ncco-service": ncco_service or {}}
            stack = running.enter_context(ProcessStack(both))  # type: ignore[arg-type]
            stack.wait_ready()
            return stack

        yield started


@pytest.fixture
def caller(tmp_path: Path) -> Callable[..., Path]:
    """Return what makes a WAV file of sounds, and of silences in seconds."""

    def made(*parts: str | float) -> Path:
        pcm = bytearray()
        for part in parts:
            if isinstance(part, str):
                with wave.open(str(HERE / "sounds" / f"{part}.wav"), "rb") as file:
                    assert (file.getframerate(), file.getnchannels()) == (RATE, 1)
                    pcm += file.readframes(file.getnframes())
            else:
                pcm += bytes(round(part * RATE) * 2)
        path = tmp_path / "caller.wav"
        with wave.open(str(path), "wb") as file:
            file.setparams((1, 2, RATE, 0, "NONE", ""))
            file.writeframes(pcm)
        return path

    return made


@pytest.fixture
def sentences() -> list[str]:
    """What is said in sentence-1.wav, sentence-2.wav, and so on."""
    return (HERE / "sounds" / "sentences.txt").read_text().splitlines()
