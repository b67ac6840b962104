"""Settings: what is wrong is named, and no key is shown."""

from __future__ import annotations

import wave
from pathlib import Path

import pytest
from assistant.settings import Settings, SettingsError, load

ROOT = Path(__file__).parents[3]


def test_the_defaults_are_the_offline_model() -> None:
    """Nothing has to be set."""
    chosen = load()
    assert chosen.realtime_url == "ws://127.0.0.1:8765/v1/realtime"
    assert (chosen.api_key, chosen.instructions, chosen.greeting_text) == ("", "", "")


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("REALTIME_URL", "http://model", "give ws:// or wss://"),
        ("REALTIME_FORMAT", "mp3", "REALTIME_FORMAT is 'mp3': "),
        ("ASSISTANT_SILENCE_MS", "9", "ASSISTANT_SILENCE_MS is '9': "),
        ("ASSISTANT_GREETING_FILE", "/absent.wav", "cannot be read"),
        ("ASSISTANT_GREETING_FILE", __file__, "neither .wav"),
        ("OPERATOR_URL", "ncco-service:8002", "give http://"),
        ("REALTIME_API_KEY_FILE", "/absent", "REALTIME_API_KEY_FILE: /absent cannot be read"),
    ],
)
def test_what_is_wrong_is_named(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, told: str
) -> None:
    """With what was seen."""
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as caught:
        load()
    assert told in str(caught.value)


def test_what_cannot_go_together_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """A model that detects no turns tells no interruption."""
    monkeypatch.setenv("ASSISTANT_TURN_DETECTION", "local")
    monkeypatch.setenv("ASSISTANT_BARGE_IN", "model")
    with pytest.raises(SettingsError, match="set one of them otherwise"):
        load()


def test_a_key_is_not_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From a variable or a file, it is there, and nowhere to be read."""
    file = tmp_path / "key"
    file.write_text("sk-of-the-file\n")
    monkeypatch.setenv("REALTIME_API_KEY_FILE", str(file))
    assert load().api_key == "sk-of-the-file"
    monkeypatch.setenv("REALTIME_API_KEY", "sk-of-the-variable")
    chosen = load()
    assert chosen.api_key == "sk-of-the-variable"
    assert "sk-of" not in repr(chosen)
    assert "sk-of" not in str(chosen)


def test_a_greeting_may_be_played_or_said(tmp_path: Path) -> None:
    """A text is said by the model; a sound is played, and its text told to the model."""
    text, sound = tmp_path / "hello.txt", tmp_path / "hello.wav"
    text.write_text("Hello!")
    with wave.open(str(sound), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(bytes(320))
    said = load(assistant_greeting_file=text)
    assert (said.greeting_text, said.greeting_sound) == ("Hello!", None)
    played = load(assistant_greeting_file=sound)
    assert (played.greeting_text, played.greeting_sound) == ("Hello!", sound)


def test_every_setting_is_on_the_page_and_in_compose() -> None:
    """Under its name, with its default where it has a plain one."""
    page = (ROOT / "docs" / "assistant.md").read_text()
    compose = (ROOT / "examples" / "docker-compose.assistant.yml").read_text()
    table = page.partition("## Settings")[2].partition("\n## ")[0]
    rows = [line for line in table.splitlines() if line.startswith("|")]
    for field_name, field in Settings.model_fields.items():
        name = field_name.upper()
        (row,) = [line for line in rows if f"`{name}`" in line]
        assert f"      {name}:" in compose
        if isinstance(field.default, int | float):
            assert f"| {field.default:g} |" in row
