"""Measures the phone's mixer: what a member of a conversation costs, and how late its ticks are.

From the root: make -C bench mixer
"""

from __future__ import annotations

import argparse
import asyncio
import time
from pathlib import Path

import numpy as np
import uvloop
from phone.platform.mixing.conversation import Conversation, Member

from bench import machine, record

__all__ = ["main"]

RESULTS = Path(__file__).parent / "results"
RATE = 16000
"""Hz, of every member."""

MEMBERS = (2, 10, 25, 50)
"""Of the conversations that are measured; the platform allows no more than the last."""

TICKS = 500
"""Mixed one after the other, for the cost."""

ROUNDS = 3


class Talker:
    """Says the same frame all the time, as loud as it can, and hears without keeping it.

    Args:
        seed: makes its sound different from the others'.

    """

    rate = RATE

    def __init__(self, seed: int) -> None:
        samples = np.random.default_rng(seed).integers(-32768, 32767, RATE // 50)
        self._frame = samples.astype("<i2").tobytes()

    def pressed(self) -> list[str]:
        """Press nothing."""
        return []

    def speak(self, _: int, __: float) -> bytes | None:
        """Return the frame."""
        return self._frame

    def hear(self, frame: bytes | None, rate: int, due: float) -> None:
        """Hear it."""

    def hear_key(self, digit: str) -> None:
        """Hear it."""


def main() -> None:
    """Measure, print a table, and keep the figures."""
    parser = argparse.ArgumentParser(description=__doc__, prog="bench.mixer")
    parser.add_argument("--seconds", type=float, default=60.0, help="of the run in real time")
    parser.add_argument("--note", action="append", default=[], help="to keep with the figures")
    parser.add_argument("--discard", action="store_true", help="keep no file")
    arguments = parser.parse_args()
    rounds = [_round(arguments.seconds) for _ in range(ROUNDS)]
    figures = record.gathered(rounds)
    medians = {name: record.median(values) or 0.0 for name, values in figures.items()}
    print("| members | ms a tick | µs a member |\n| --- | --- | --- |")
    for count in MEMBERS:
        tick = medians[f"members{count}_tick_ms"]
        print(f"| {count} | {tick:.2f} | {tick * 1000 / count:.0f} |")
    print(
        f"{MEMBERS[-1]} members for {arguments.seconds:g} s: {medians['late_ticks']:.0f} ticks "
        f"more than 20 ms late, the worst {medians['worst_lag_ms']:.1f} ms, "
        f"{medians['cpu_share'] * 100:.1f} % of a core"
    )
    if not arguments.discard:
        path = record.stem(RESULTS, machine.commit(), "mixer").with_suffix(".json")
        about = machine.provenance()
        labels = {"phone": "the phone's mixer"}
        kept = {**about, "labels": labels, "figures": {"phone": figures}, "notes": arguments.note}
        record.write(path, kept)
        print(f"kept in {path}")


def _round(seconds: float) -> dict[str, float | None]:
    found: dict[str, float | None] = {}
    for count in MEMBERS:
        found[f"members{count}_tick_ms"] = asyncio.run(_cost(count))
    conversation, share = uvloop.run(_in_real_time(seconds))
    found["ticks"] = conversation.ticks
    found["late_ticks"] = conversation.late_ticks
    found["worst_lag_ms"] = conversation.worst_lag * 1000
    found["cpu_share"] = share
    return found


def _filled(count: int) -> Conversation:
    conversation = Conversation()
    for number in range(count):
        conversation.join(Member(str(number), Talker(number)))
    return conversation


async def _cost(count: int) -> float:
    """Return the processor's milliseconds for a tick in which everybody speaks."""
    conversation = _filled(count)
    begin = time.process_time()
    for number in range(TICKS):
        conversation.tick(number * 0.02)
    spent = time.process_time() - begin
    await _empty(conversation)
    return spent * 1000 / TICKS


async def _in_real_time(seconds: float) -> tuple[Conversation, float]:
    """Let the largest conversation run; return it, and the share of a core that it took."""
    conversation = _filled(MEMBERS[-1])
    begin = time.process_time()
    await asyncio.sleep(seconds)
    share = (time.process_time() - begin) / seconds
    await _empty(conversation)
    return conversation, share


async def _empty(conversation: Conversation) -> None:
    for member in conversation.members:
        conversation.leave(member.uuid)
    await asyncio.sleep(0)


if __name__ == "__main__":
    main()
