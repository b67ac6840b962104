"""Every setting: read from the environment, and checked once at startup.

Public: `Settings` (the values), `SettingsError` (everything that is wrong), `VARIABLES` (each
`Variable`, for `.env.example`), `Network` (the type of a trusted proxy's network); and the module
`watch`, by which the service starts again when SETTINGS_FILE changes.
"""

from ncco_service.settings.environment import SettingsError
from ncco_service.settings.table import VARIABLES, Settings, Variable
from ncco_service.settings.values import Network

__all__ = ["VARIABLES", "Network", "Settings", "SettingsError", "Variable"]
