"""Recorded calls: written to a folder, read back, and compared with a call made again.

Public: `write_cassette`, `read_cassette`, `Cassette`, `CassetteError`; `plan_of` and `compared`,
for the call made again; `masked`, which hides telephone numbers.
"""

from phone.cassette.comparison import compared, plan_of
from phone.cassette.folder import Cassette, CassetteError, masked, read_cassette, write_cassette

__all__ = [
    "Cassette",
    "CassetteError",
    "compared",
    "masked",
    "plan_of",
    "read_cassette",
    "write_cassette",
]
