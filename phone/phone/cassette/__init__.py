"""Recorded calls: written to a folder, read back, and compared with a call made again."""

from phone.cassette.files import Cassette, CassetteError, masked, read_cassette, write_cassette
from phone.cassette.replay import compared, plan_of

__all__ = [
    "Cassette",
    "CassetteError",
    "compared",
    "masked",
    "plan_of",
    "read_cassette",
    "write_cassette",
]
