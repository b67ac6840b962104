"""The NCCO: the document that tells the platform what to do with a call.

Public: ``Documents``, what callers get; ``TemplateError``, when a document cannot be used.
"""

from ncco_service.ncco.documents import Documents
from ncco_service.ncco.template import TemplateError

__all__ = ["Documents", "TemplateError"]
