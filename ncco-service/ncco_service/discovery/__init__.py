"""Where the platform reaches us, and whether a call would work: found out in the background.

Public: `Discovery`, which requests read without waiting; `RequestOrigin`; `NotKnown`, the
error when no address is known; `ApplicationApi`, which points the Vonage application here, and
its `ApplicationError` and `Change`.
"""

from ncco_service.discovery.application import Change
from ncco_service.discovery.application_api import ApplicationApi, ApplicationError
from ncco_service.discovery.discovery import Discovery
from ncco_service.discovery.public_url import NotKnown
from ncco_service.discovery.request_origin import RequestOrigin

__all__ = ["ApplicationApi", "ApplicationError", "Change", "Discovery", "NotKnown", "RequestOrigin"]
