"""The NCCO: the list of actions that tells the platform what to do with a call."""

from ncco_service.ncco.check import problems_of

__all__ = ["problems_of"]
