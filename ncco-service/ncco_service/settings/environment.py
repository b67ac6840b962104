"""Sources of values: a variable NAME, or for a secret the file that NAME_FILE names.

The file that SETTINGS_FILE names has NAME=VALUE lines, which replace the variables of these names.
"""

from collections.abc import Mapping
from io import StringIO
from pathlib import Path
from typing import Any

from dotenv import dotenv_values
from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource

from ncco_service.settings.values import SECRET

__all__ = ["Environment", "SettingsError"]

SETTINGS_FILE = "SETTINGS_FILE"


class SettingsError(Exception):
    """Some settings are wrong; `problems` names each, what was seen and what to do."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


class Environment(PydanticBaseSettingsSource):
    """A source of settings; an empty variable counts as unset.

    Attributes:
        problems: what is wrong with NAME_FILE variables, found while reading.

    Args:
        settings_cls: the settings to read.
        environ: the environment, such as `os.environ`.

    """

    def __init__(self, settings_cls: type[BaseSettings], environ: Mapping[str, str]) -> None:
        super().__init__(settings_cls)
        self.problems: list[str] = []
        self._environ = environ
        self._environ = {**environ, **self._settings_file()}

    def __call__(self) -> dict[str, str]:
        """Read all values that are set."""
        fields = self.settings_cls.model_fields.items()
        found = {name: self.get_field_value(field, name)[0] for name, field in fields}
        return {name: text for name, text in found.items() if text}

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[str, str, bool]:
        """Read one value as text: "" when it is not set."""
        name = field_name.upper()
        text = self._text(name)
        file = self._text(f"{name}_FILE") if SECRET in field.metadata else ""
        if text and file:
            self.problems.append(f"{name} and {name}_FILE are both set; unset one of them")
        elif file:
            text = self._file(f"{name}_FILE", file)
        return text, field_name, False

    def explain(self, error: ValidationError) -> list[str]:
        """Say what is wrong with each variable: its name, what was seen and what to do."""
        return [self._line(str(each["loc"][0]), each) for each in error.errors()]

    def _line(self, field_name: str, detail: Any) -> str:
        field, name = self.settings_cls.model_fields[field_name], field_name.upper()
        if detail["type"] != "value_error":
            return f"{name} {detail['msg']}"
        allowed = detail["ctx"]["error"]
        if SECRET in field.metadata:
            name = name if self._text(name) else f"{name}_FILE"
            seen = f"a secret of {len(detail['input'])} characters (not shown)"
            return f"{name} holds {seen}; it must be {allowed}"
        unset = f"unset it for the default ({field.default})" if field.default else "unset it"
        return f"{name} is {detail['input']!r}; it must be {allowed}; or {unset}"

    def _settings_file(self) -> dict[str, str]:
        """Read the lines of SETTINGS_FILE, none while there is no such file."""
        path = Path(self._text(SETTINGS_FILE))
        if path == Path():
            return {}
        try:
            path.stat()
        except FileNotFoundError:
            return {}
        except OSError:
            pass  # reading it says why
        text = self._file(SETTINGS_FILE, str(path))
        lines = dotenv_values(stream=StringIO(text), interpolate=False)
        fields = self.settings_cls.model_fields.items()
        known = {name.upper() for name, _ in fields}
        known |= {f"{name.upper()}_FILE" for name, field in fields if SECRET in field.metadata}
        unknown = [name for name in lines if name not in known]
        if unknown:
            self.problems.append(
                f"{SETTINGS_FILE} is {str(path)!r}, which sets {', '.join(unknown)}, and this "
                "service has no such settings; correct or remove these lines"
            )
        return {name: value or "" for name, value in lines.items()}

    def _file(self, name: str, file: str) -> str:
        try:
            return Path(file).read_text("utf-8-sig").strip()
        except (OSError, UnicodeDecodeError) as error:
            problem = "is not text" if isinstance(error, UnicodeDecodeError) else error.strerror
            self.problems.append(f"{name} is {file!r}, which cannot be read ({problem})")
            return ""

    def _text(self, name: str) -> str:
        return self._environ.get(name, "").strip()
