"""The softphone: a page on loopback that carries a person's audio into calls of this phone.

Public: `Softphone`, the server, and its `SoftphoneSettings`.
"""

from phone.web.server import Softphone, SoftphoneSettings

__all__ = ["Softphone", "SoftphoneSettings"]
