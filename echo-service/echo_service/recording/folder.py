"""Folder of recordings: file names, the facts beside the audio, removal of old files."""

from __future__ import annotations

import contextlib
import json
import os
import re
import time
from collections.abc import Mapping
from pathlib import Path

from .stereo_file import StereoFile

__all__ = ["Paths", "create", "finish", "is_writable", "remove_old"]

MAX_ID_CHARACTERS = 64

_OURS = re.compile(r"\d{8}T\d{6}\.\d{3}Z-[\w.-]+\.(wav|json|wav\.part|json\.part)")

Paths = tuple[Path, Path]
"""Path of a recording while it is written, and when it is finished."""


def is_writable(folder: Path) -> bool:
    """Return whether this process may write there, or make the folder. It blocks."""
    nearest = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    return nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK)


def create(folder: Path, call: str, started: float, rate: int) -> tuple[Paths, StereoFile]:
    """Create the file of a call, and the folder if needed. It blocks.

    Args:
        folder: where recordings are kept.
        call: the call's id, with any characters: it is text from outside.
        started: seconds since 1970.
        rate: Hz.

    Raises:
        OSError: the folder is not writable.

    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    stem = f"{_stamp(started)}-{_safe(call)}"
    for number in range(1, 100):
        name = stem if number == 1 else f"{stem}-{number}"
        paths = folder / f"{name}.wav.part", folder / f"{name}.wav"
        if paths[1].exists():
            continue
        with contextlib.suppress(FileExistsError):
            return paths, StereoFile(paths[0], rate)
    raise FileExistsError(f"{folder} has a hundred recordings of the same call and time")


def finish(paths: Paths, facts: Mapping[str, object]) -> None:
    """Give a recording its final name, and write the facts about it beside it. It blocks.

    Raises:
        OSError: the disk is full, or gone.

    """
    part, wav = paths
    os.replace(part, wav)
    final = wav.with_suffix(".json")
    unfinished = wav.with_suffix(".json.part")
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_NOFOLLOW", 0)
        with open(os.open(unfinished, flags, 0o600), "w", encoding="utf-8") as file:
            json.dump(facts, file, indent=2)
            file.write("\n")
        os.replace(unfinished, final)
    except OSError:
        unfinished.unlink(missing_ok=True)
        raise


def remove_old(folder: Path, days: float, now: float) -> int:
    """Remove recordings last written more than so many days ago. It blocks.

    Files with names unlike those of recordings are left alone.

    Returns:
        How many files were removed.

    Raises:
        OSError: the folder cannot be read.

    """
    removed = 0
    for entry in os.scandir(folder):
        if not (_OURS.fullmatch(entry.name) and entry.is_file(follow_symlinks=False)):
            continue
        if entry.stat(follow_symlinks=False).st_mtime < now - days * 86400:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(entry.path)
                removed += 1
    return removed


def _safe(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]+", "_", text)[:MAX_ID_CHARACTERS] or "call"


def _stamp(seconds: float) -> str:
    whole = time.strftime("%Y%m%dT%H%M%S", time.gmtime(seconds))
    return f"{whole}.{int(seconds * 1000) % 1000:03d}Z"
