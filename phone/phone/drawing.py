"""Pictures of a call, as SVG."""

from collections.abc import Sequence

import numpy as np

from phone.alignment import Alignment
from phone.audio import to_samples
from phone.constants import FRAME_SECONDS

__all__ = ["delays", "waveform"]

WIDTH, HEIGHT, LEFT = 1000, 110, 44
FULL_SCALE = 32768


def _open(height: int) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        'font-family="sans-serif" font-size="12" role="img">'
    )


def _x(frame: float, frames: int) -> float:
    return round(LEFT + (WIDTH - LEFT) * frame / max(1, frames), 1)


def waveform(frames: Sequence[bytes | None], colour: str) -> str:
    """Draw the loudest sample of each stretch; a None among the frames is a gap.

    Args:
        frames: 20 ms each.
        colour: of the sound.
    """
    middle = HEIGHT / 2
    columns = min(len(frames), WIDTH - LEFT)
    parts = [
        _open(HEIGHT),
        f'<line x1="{LEFT}" x2="{WIDTH}" y1="{middle}" y2="{middle}" stroke="#ccc"/>',
    ]
    edges = np.linspace(0, len(frames), columns + 1).astype(int)
    tops, bottoms = [], []
    for first, last in zip(edges, edges[1:], strict=False):
        stretch = frames[first:last]
        if None in stretch:
            left, right = _x(first, len(frames)), _x(last, len(frames))
            width = max(1.0, round(right - left, 1))
            parts.append(
                f'<rect x="{left}" y="0" width="{width}" height="{HEIGHT}" fill="#b00020" '
                'opacity="0.35"/>'
            )
        samples = to_samples(b"".join(frame for frame in stretch if frame))
        high, low = (int(samples.max()), int(samples.min())) if len(samples) else (0, 0)
        x = _x((first + last) / 2, len(frames))
        tops.append(f"{x},{middle - max(high, 1) / FULL_SCALE * middle:.1f}")
        bottoms.append(f"{x},{middle - min(low, -1) / FULL_SCALE * middle:.1f}")
    if tops:
        points = " ".join([*tops, *reversed(bottoms)])
        parts.append(f'<polygon points="{points}" fill="{colour}"/>')
    seconds = len(frames) * FRAME_SECONDS
    parts.append(f'<text x="0" y="12">{seconds:.1f} s</text></svg>')
    return "".join(parts)


def delays(alignment: Alignment, frames: int) -> str:
    """Draw the delay of each frame, lost ones as red lines.

    Args:
        alignment: of the call.
        frames: how many were sent.
    """
    height = 160
    most = max(*alignment.delays_ms, 1.0)
    parts = [_open(height)]
    for share in (0.0, 0.5, 1.0):
        y = round((height - 10) * (1 - share) + 5, 1)
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH}" y1="{y}" y2="{y}" stroke="#ddd"/>')
        parts.append(
            f'<text x="0" y="{min(height - 4, max(12.0, y + 4))}">{share * most:.1f}</text>'
        )
    for frame in alignment.lost[:WIDTH]:
        x = _x(frame, frames)
        parts.append(f'<line x1="{x}" x2="{x}" y1="0" y2="{height}" stroke="#b00020"/>')
    step = max(1, len(alignment.delays_ms) // 4000)  # a page of a long call stays small
    for frame, delay in list(zip(alignment.delay_frames, alignment.delays_ms, strict=True))[::step]:
        y = round((height - 10) * (1 - delay / most) + 5, 1)
        parts.append(f'<circle cx="{_x(frame, frames)}" cy="{y}" r="1.6" fill="#06c"/>')
    parts.append("</svg>")
    return "".join(parts)
