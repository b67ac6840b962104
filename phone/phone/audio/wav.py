"""Repair of WAV files with a wrong header: streams, interrupted recordings, files joined into one.

What is there is kept.
"""

import re
import struct
from collections.abc import Iterator

__all__ = ["FORM_BYTES", "mended", "states_wrong_size"]

HEADER = struct.Struct("<4sI")
FORM_BYTES = 12  # "RIFF", a size that is not believed, "WAVE"
FORM = re.compile(b"(?:RIFF|RF64).{4}WAVE", re.DOTALL)


def states_wrong_size(head: bytes, size: int) -> bool:
    """Return whether a WAV file's head, FORM_BYTES of it, states another size than it has."""
    name, stated = HEADER.unpack_from(head.ljust(HEADER.size))
    return name == b"RIFF" and head[HEADER.size :] == b"WAVE" and stated + HEADER.size != size


def mended(data: bytes) -> bytes | None:
    """Return a WAV file with a true header and all the audio of `data`.

    Returns:
        None when `data` is no WAV file, has no format or no audio, or joins files of different
        formats.

    """
    formats: set[bytes] = set()
    audio: list[bytes] = []
    for name, content in _chunks(data):
        if name == b"fmt ":
            formats.add(content)
        elif name == b"data":
            audio.append(content)
    if len(formats) != 1 or not any(audio):
        return None
    (format_,) = formats
    body = b"WAVE" + _chunk(b"fmt ", format_) + _chunk(b"data", b"".join(audio))
    return HEADER.pack(b"RIFF", len(body)) + body


def _chunk(name: bytes, content: bytes) -> bytes:
    return HEADER.pack(name, len(content)) + content + bytes(len(content) % 2)


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield each chunk's name and the data present, whatever size it declares."""
    place = 0
    while place + HEADER.size <= len(data):
        name, size = HEADER.unpack_from(data, place)
        if name in (b"RIFF", b"RF64") and data[place + 8 : place + FORM_BYTES] == b"WAVE":
            place += FORM_BYTES  # the file itself, or the next one
            continue
        place += HEADER.size
        left = len(data) - place
        if size > left or (size == 0 and name == b"data" and not _is_chunk(data, place)):
            # Of a stream, or of a writer that died before it knew the size.
            following = FORM.search(data, place)
            size = following.start() - place if following else left
        yield name, data[place : place + size]
        place += size
        # A chunk of odd size is followed by a byte of zero, which some writers forget.
        if size % 2 and data[place : place + 1] == b"\0":
            place += 1


def _is_chunk(data: bytes, place: int) -> bool:
    """Whether a chunk begins there that ends within the file."""
    if place + HEADER.size > len(data):
        return False
    name, size = HEADER.unpack_from(data, place)
    readable: bool = name.isascii() and name.decode().isprintable()
    return readable and place + HEADER.size + size <= len(data)
