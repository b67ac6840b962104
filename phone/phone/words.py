"""Small pieces of text for people."""

import json

__all__ = ["counted", "excuse", "printable"]

EXCUSE_CHARACTERS = 1000  # of a refusal: the reasons of both services fit


def printable(text: str, limit: int = 200) -> str:
    """Return untrusted text for a terminal: no control characters, at most `limit` long."""
    clean = "".join(
        c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text[: limit + 1]
    )
    return clean if len(clean) <= limit else clean[: limit - 1] + "…"


def counted(number: int, noun: str) -> str:
    """Return "1 frame", "2 frames", "3,000 frames"."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def excuse(body: bytes) -> str:
    """Return what a server says in the body of its refusal: its reasons and its hint, if it is JSON
    with such fields, else its first words; empty when it says nothing.
    """
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        said = None
    found: list[object] = []
    if isinstance(said, dict):
        reasons = said.get("reasons")
        found = reasons if isinstance(reasons, list) else [said.get("message"), said.get("hint")]
    text = "; ".join(part for part in found if isinstance(part, str) and part)
    text = text or " ".join(body[:400].decode("utf-8", "replace").split())
    return printable(text, EXCUSE_CHARACTERS)
