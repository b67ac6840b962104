"""The NCCO: the document that tells the platform what to do with a call.

Public: `Documents`, what callers get; `TemplateError`, when a document cannot be used;
`Reconnections` of a call, which its socket's headers count, and `headers_of`, those headers;
`checked_headers` and `problems_of`, what the platform would refuse.
"""

from ncco_service.ncco.documents import Documents
from ncco_service.ncco.reconnect import Reconnections, headers_of
from ncco_service.ncco.template import TemplateError
from ncco_service.ncco.validation import problems_of
from ncco_service.ncco.websocket import checked_headers

__all__ = [
    "Documents",
    "Reconnections",
    "TemplateError",
    "checked_headers",
    "headers_of",
    "problems_of",
]
