"""Signatures of sound files: played as if they were samples, files are heard as noise."""

import re

__all__ = ["file_kind"]

KINDS = (
    ("WAV", re.compile(rb"(RIFF|RIFX|RF64)....WAVE", re.DOTALL)),
    ("AIFF", re.compile(rb"FORM....AIF[FC]", re.DOTALL)),
    ("MP3", re.compile(rb"ID3[\x02-\x04]")),
    ("Ogg", re.compile(rb"OggS\0")),
    ("FLAC", re.compile(rb"fLaC\0")),
    ("MP4", re.compile(rb"\0\0\0.ftyp", re.DOTALL)),
    ("AU", re.compile(rb"\.snd\0\0")),
    ("WebM", re.compile(rb"\x1aE\xdf\xa3")),
    ("CAF", re.compile(rb"caff\0\x01")),
    ("AMR", re.compile(rb"#!AMR")),
)
# MPEG 1, 2 and 2.5, layer III: kbit/s by index, Hz by index (ISO/IEC 11172-3, 13818-3; 2.5, for the
# lowest rates, is an extension that every encoder has).
BITRATES = {
    3: (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    2: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
BITRATES[0] = BITRATES[2]
SAMPLE_RATES = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}


def file_kind(data: bytes) -> str | None:
    """Return the kind of sound file that begins with `data`; None when it may be samples.

    Args:
        data: the first bytes; an MP3 without tags, and an AAC, are known by two frames.

    """
    for kind, beginning in KINDS:
        if beginning.match(data):
            return kind
    for kind, frame in (("MP3", _mp3_frame), ("AAC", _aac_frame)):
        length = frame(data, 0)
        if length and frame(data, length):
            return kind
    return None


def _mp3_frame(data: bytes, place: int) -> int:
    """Return the length in bytes of the MP3 frame that begins there; 0 if there is none."""
    header = data[place : place + 4]
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE6 != 0xE2:
        return 0
    version, rate, bits = header[1] >> 3 & 3, header[2] >> 2 & 3, header[2] >> 4
    if version not in BITRATES or rate == 3 or bits in (0, 15):
        return 0
    size = (144 if version == 3 else 72) * 1000 * BITRATES[version][bits]
    return size // SAMPLE_RATES[version][rate] + (header[2] >> 1 & 1)


def _aac_frame(data: bytes, place: int) -> int:
    """Return the length in bytes of the AAC frame (ADTS, ISO/IEC 13818-7) there; 0 if none is."""
    header = data[place : place + 7]
    if len(header) < 7 or header[0] != 0xFF or header[1] & 0xF6 != 0xF0 or header[2] >> 2 & 15 > 12:
        return 0
    length = (header[3] & 3) << 11 | header[4] << 3 | header[5] >> 5
    return length if length > 7 else 0
