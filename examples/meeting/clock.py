"""The time of day in spoken words: the names of sounds, one after the other. Pure."""

from __future__ import annotations

from datetime import time

__all__ = ["spoken"]


def spoken(now: time) -> list[str]:
    """Return the names of the sounds that tell the time, such as it-is, 9, oh, 5."""
    return ["it-is", str(now.hour % 12 or 12), *_minutes(now.minute)]


def _minutes(minute: int) -> list[str]:
    if minute == 0:
        return ["oclock"]
    if minute < 10:
        return ["oh", str(minute)]
    if minute <= 20 or minute % 10 == 0:
        return [str(minute)]
    return [str(minute // 10 * 10), str(minute % 10)]
