"""Small pieces of text for people."""

__all__ = ["counted", "printable"]


def printable(text: str, limit: int = 200) -> str:
    """Return a stranger's text fit for a terminal: no control characters, at most `limit` long."""
    clean = "".join(
        c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text[: limit + 1]
    )
    return clean if len(clean) <= limit else clean[: limit - 1] + "…"


def counted(number: int, noun: str) -> str:
    """Return "1 frame", "2 frames", "3,000 frames"."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
