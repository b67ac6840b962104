"""Settings: read once, refused with a hint."""

from __future__ import annotations

import dataclasses

import pytest
from echo_service.settings import VARIABLES, Settings, SettingsError


def test_defaults() -> None:
    """An empty environment gives the defaults, and so do empty values."""
    assert Settings.from_env({}) == Settings()
    assert Settings.from_env({variable.name: "" for variable in VARIABLES}) == Settings()
    assert Settings().host == "127.0.0.1"
    assert Settings().port == 8001


def test_every_setting_is_listed_with_a_help() -> None:
    """Each has a variable; each variable has one line that says why one would set it."""
    names = [variable.name for variable in VARIABLES]
    assert len(set(names)) == len(names)
    own = [name for name in names if not name.endswith("_FILE") or name == "PLAY_FILE"]
    assert len(own) == len(dataclasses.fields(Settings))
    for variable in VARIABLES:
        assert variable.help
        assert "\n" not in variable.help


def test_values_are_read() -> None:
    """Numbers, switches and words are read as what they are."""
    environ = {"PORT": " 0 ", "LOG_NUMBERS": "yes", "LOG_LEVEL": "DEBUG", "DRAIN_SECONDS": "1.5"}
    settings = Settings.from_env(environ)
    assert (settings.port, settings.log_numbers) == (0, True)
    assert (settings.log_level, settings.drain_seconds) == ("debug", 1.5)


@pytest.mark.parametrize(
    ("name", "value", "hint"),
    [
        ("PORT", "x", "PORT is 'x': give an integer from 0 to 65535"),
        ("PORT", "65536", "PORT is '65536': give an integer from 0 to 65535"),
        ("PORT", "80.0", "PORT is '80.0': give an integer from 0 to 65535"),
        (
            "DRAIN_SECONDS",
            "-1",
            "DRAIN_SECONDS is '-1': give seconds from 0 to 86400, in plain digits",
        ),
        (
            "DRAIN_SECONDS",
            "nan",
            "DRAIN_SECONDS is 'nan': give seconds from 0 to 86400, in plain digits",
        ),
        ("LOG_NUMBERS", "2", "LOG_NUMBERS is '2': give 1 or 0"),
        ("LOG_LEVEL", "x", "LOG_LEVEL is 'x': give one of debug, info, warning, error"),
    ],
)
def test_wrong_values(name: str, value: str, hint: str) -> None:
    """A wrong value is refused with its name, what was seen, and what to give."""
    with pytest.raises(SettingsError) as refused:
        Settings.from_env({name: value})
    assert str(refused.value) == hint


@pytest.mark.parametrize("environ", [{"PORT": "9001"}, {"METRICS_PORT": "8001"}])
def test_two_ports_that_are_one(environ: dict[str, str]) -> None:
    """The port of the calls and that of the metrics are both named when they are the same."""
    with pytest.raises(SettingsError, match="^PORT and METRICS_PORT are both '.*': give each"):
        Settings.from_env(environ)
    free = Settings.from_env({"PORT": "0", "METRICS_PORT": "0"})
    assert (free.port, free.metrics_port) == (0, 0)


@pytest.mark.parametrize("name", ["HOST", "PORT"])
def test_a_former_name_is_refused(name: str) -> None:
    """A setting that was renamed stops startup, with its name of today."""
    with pytest.raises(SettingsError, match=f"^OBSERVE_{name} is set, .* METRICS_{name} now"):
        Settings.from_env({f"OBSERVE_{name}": "0"})


def test_all_wrong_values_are_named_at_once() -> None:
    """Nobody has to start the service twice to see two mistakes."""
    with pytest.raises(SettingsError) as refused:
        Settings.from_env({"PORT": "x", "MAX_CALLS": "0"})
    assert [problem.split()[0] for problem in refused.value.problems] == ["PORT", "MAX_CALLS"]
