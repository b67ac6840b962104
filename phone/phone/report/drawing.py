"""Pictures of a call, as SVG; those of one socket have the same time axis."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import numpy.typing as npt

from phone.audio.alignment import Alignment
from phone.audio.files import to_samples
from phone.constants import FRAME_SECONDS

__all__ = ["Axis", "delays", "waveform"]

WIDTH, LEFT, BOTTOM = 1000, 44, 18  # of a picture, of the labels on two of its sides
WAVE_HEIGHT, DELAY_HEIGHT = 110, 140
FULL_SCALE = 32768
POINTS_MAX = 4000  # so that the page of a long call stays small
STEPS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 30, 60, 300, 600, 1800)  # s between ticks


@dataclass(frozen=True)
class Axis:
    """The time that a picture spans, from the first frame sent.

    Args:
        seconds: its length.

    """

    seconds: float

    def x(self, seconds: float) -> float:
        """Return where a time is."""
        return round(LEFT + (WIDTH - LEFT) * seconds / max(self.seconds, FRAME_SECONDS), 1)

    def draw(self, height: int) -> Iterator[str]:
        """Yield ticks and their labels below a picture of that height."""
        step = next((step for step in STEPS if self.seconds / step <= 12), STEPS[-1])
        for number in range(int(self.seconds / step) + 1):
            x = self.x(number * step)
            yield f'<line x1="{x}" x2="{x}" y1="0" y2="{height}" stroke="#eee"/>'
            last = x > WIDTH - 2 * LEFT
            anchor = "start" if not number else "end" if last else "middle"
            words = f"{number * step:g}" + (" s" if not number else "")
            yield (
                f'<text x="{x}" y="{height + 13}" text-anchor="{anchor}" fill="#666">{words}</text>'
            )


def _open(height: int) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height + BOTTOM}" '
        'font-family="sans-serif" font-size="11" role="img">'
    )


def _rect(left: float, right: float, height: int, opacity: float) -> str:
    width = max(1.5, round(right - left, 1))
    return (
        f'<rect x="{left}" y="0" width="{width}" height="{height}" fill="#b00020" '
        f'opacity="{opacity}"/>'
    )


def waveform(
    frames: Sequence[bytes | None], colour: str, axis: Axis, rate: int, start: float = 0.0
) -> str:
    """Draw the loudest samples of each column; a None among the frames is a gap, in red.

    Args:
        frames: 20 ms each.
        colour: of the sound.
        axis: of the picture.
        rate: Hz.
        start: when the first frame was, in seconds on the axis.

    """
    middle = WAVE_HEIGHT / 2
    parts = [_open(WAVE_HEIGHT), *axis.draw(WAVE_HEIGHT)]
    index = 0
    for gap, stretch in groupby(frames, lambda frame: frame is None):
        count = sum(1 for _ in stretch)
        if gap:
            begin = start + index * FRAME_SECONDS
            end = begin + count * FRAME_SECONDS
            parts.append(_rect(axis.x(begin), axis.x(end), WAVE_HEIGHT, 0.35))
        index += count
    size = round(rate * FRAME_SECONDS) * 2
    samples = to_samples(b"".join(bytes(size) if frame is None else frame for frame in frames))
    if len(samples):
        parts.append(_outline(samples, colour, axis, rate, start, middle))
    parts.append(
        f'<line x1="{LEFT}" x2="{WIDTH}" y1="{middle}" y2="{middle}" stroke="#999" '
        'stroke-width="0.5"/></svg>'
    )
    return "".join(parts)


def _outline(
    samples: npt.NDArray[np.int16], colour: str, axis: Axis, rate: int, start: float, middle: float
) -> str:
    wide = axis.x(start + len(samples) / rate) - axis.x(start)
    columns = max(1, min(len(samples), int(wide)))
    edges = np.linspace(0, len(samples), columns, endpoint=False).astype(int)
    xs = [axis.x(start + int(edge) / rate) for edge in edges]
    scale = middle / FULL_SCALE
    highs = np.maximum.reduceat(samples, edges).clip(min=64) * scale
    lows = np.minimum.reduceat(samples, edges).clip(max=-64) * scale
    tops = [f"{x},{middle - high:.1f}" for x, high in zip(xs, highs, strict=True)]
    bottoms = [f"{x},{middle - low:.1f}" for x, low in zip(xs, lows, strict=True)]
    return f'<polygon points="{" ".join([*tops, *reversed(bottoms)])}" fill="{colour}"/>'


def delays(alignment: Alignment, axis: Axis) -> str:
    """Draw the delay of each frame in ms, lost ones as red lines.

    Args:
        alignment: of the call.
        axis: of the picture.

    """
    high = DELAY_HEIGHT - 10
    most = _round_up(max(*alignment.delays_ms, 1.0))
    parts = [_open(DELAY_HEIGHT), *axis.draw(DELAY_HEIGHT)]
    for share in (0.0, 0.5, 1.0):
        y = round(high * (1 - share) + 8, 1)
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH}" y1="{y}" y2="{y}" stroke="#ddd"/>')
        parts.append(
            f'<text x="{LEFT - 6}" y="{y + 4}" text-anchor="end" fill="#666">'
            f"{share * most:g}</text>"
        )
    for frame in alignment.lost[:WIDTH]:
        begin = frame * FRAME_SECONDS
        parts.append(_rect(axis.x(begin), axis.x(begin + FRAME_SECONDS), DELAY_HEIGHT, 0.6))
    step = max(1, len(alignment.delays_ms) // POINTS_MAX)
    for frame, delay in list(zip(alignment.delay_frames, alignment.delays_ms, strict=True))[::step]:
        y = round(high * (1 - delay / most) + 8, 1)
        parts.append(f'<circle cx="{axis.x(frame * FRAME_SECONDS)}" cy="{y}" r="1.8" fill="#06c"/>')
    parts.append("</svg>")
    return "".join(parts)


def _round_up(value: float) -> float:
    """Return the next of 1, 2, 4, 6, 8, 10, 20, ... at or above the value."""
    magnitude = 10.0 ** np.floor(np.log10(value))
    return float(next(n * magnitude for n in (1, 2, 4, 6, 8, 10) if n * magnitude >= value))
