"""The NCCO: the document that tells the platform what to do with a call.

Public: ``Documents``, what callers get; ``TemplateError``, when a document cannot be used;
``Reconnections``, which the headers of a call's socket count.
"""

from ncco_service.ncco.documents import Documents
from ncco_service.ncco.reconnect import Reconnections, headers_of
from ncco_service.ncco.template import TemplateError

__all__ = ["Documents", "Reconnections", "TemplateError", "headers_of"]
