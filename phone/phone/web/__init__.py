"""The softphone: a page on loopback that carries a person's audio into calls of this phone."""

from phone.web.server import Softphone, SoftphoneSettings

__all__ = ["Softphone", "SoftphoneSettings"]
