"""The distribution of delays as a picture: SVG, so that nothing is needed to draw or to see it."""

import html
import os
from pathlib import Path

import numpy as np

from phone.load.histogram import STEP_MS, Histogram
from phone.load.result import LoadResult

__all__ = ["plot"]

WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 800, 400, 60, 50, 40
SHARES = (0.5, 0.9, 0.99, 0.999, 0.9999, 1.0)


def plot(result: LoadResult, path: Path) -> None:
    """Write the picture, whole or not at all.

    Raises:
        OSError: it cannot be written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_text(svg(result), "utf-8")
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def svg(result: LoadResult) -> str:
    """Return delay and own lag by share of frames; the axis widens towards the slowest."""
    most = max(result.delays.longest, result.lags.longest, 1.0)
    title = f"{result.calls:,} calls, {result.sent:,} frames, {result.lost:,} lost"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        'font-family="sans-serif" font-size="13">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        f'<text x="{LEFT}" y="24" font-size="16">{html.escape(title)}</text>',
    ]
    for number, share in enumerate(SHARES):
        x = _x(number)
        parts.append(f'<line x1="{x}" x2="{x}" y1="{TOP}" y2="{HEIGHT - BOTTOM}" stroke="#ddd"/>')
        name = "max" if share == 1 else f"{share * 100:g} %"
        parts.append(f'<text x="{x}" y="{HEIGHT - 28}" text-anchor="middle">{name}</text>')
    for part in (0.0, 0.25, 0.5, 0.75, 1.0):
        y = _y(part * most, most)
        parts.append(
            f'<text x="{LEFT - 8}" y="{y + 4:.0f}" text-anchor="end">{part * most:.1f}</text>'
        )
    parts.append(f'<text x="{LEFT}" y="{HEIGHT - 8}">ms, by the share of frames within it</text>')
    curves = (("echo delay", result.delays, "#06c"), ("own lag", result.lags, "#c60"))
    for number, (name, histogram, colour) in enumerate(curves):
        points = " ".join(_points(histogram, most))
        parts.append(
            f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>'
        )
        x = WIDTH - 220 + number * 110
        parts.append(f'<text x="{x}" y="24" fill="{colour}">{name}</text>')
    return "\n".join([*parts, "</svg>"])


def _x(place: float) -> float:
    return round(LEFT + (WIDTH - LEFT - 30) * place / (len(SHARES) - 1), 1)


def _y(value: float, most: float) -> float:
    return round(HEIGHT - BOTTOM - (HEIGHT - BOTTOM - TOP) * value / most, 1)


def _points(histogram: Histogram, most: float) -> list[str]:
    total = histogram.total
    if not total:
        return []
    sums = np.cumsum(histogram.numbers())
    points = []
    for step in range(0, (len(SHARES) - 1) * 20 + 1):
        low, part = divmod(step / 20, 1)
        first = SHARES[int(low)]
        share = first + (SHARES[min(int(low) + 1, len(SHARES) - 1)] - first) * part
        value = float(np.searchsorted(sums, share * total) + 1) * STEP_MS
        points.append(f"{_x(step / 20)},{_y(min(value, histogram.longest), most)}")
    return points
