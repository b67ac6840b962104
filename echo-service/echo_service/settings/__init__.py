"""Settings of the service, from environment variables.

Public: `Settings`, `SettingsError`, and `VARIABLES`, the table of each `Variable` that
documentation is made from.
"""

from .table import VARIABLES, Settings, SettingsError
from .values import Variable

__all__ = ["VARIABLES", "Settings", "SettingsError", "Variable"]
