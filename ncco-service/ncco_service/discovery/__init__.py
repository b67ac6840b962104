"""Where the platform reaches us, and whether a call would work: found out in the background.

Public: ``Discovery``, which requests read without waiting; ``RequestOrigin``; ``NotKnown``.
"""

from ncco_service.discovery.discovery import Discovery
from ncco_service.discovery.public_url import NotKnown
from ncco_service.discovery.request_origin import RequestOrigin

__all__ = ["Discovery", "NotKnown", "RequestOrigin"]
