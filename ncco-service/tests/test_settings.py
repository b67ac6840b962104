"""Settings: every wrong one is named, with what was seen and what to do."""

from pathlib import Path

import pytest
from ncco_service.settings import VARIABLES, Settings, SettingsError

HOME = Path(__file__).resolve().parent.parent


def test_nothing_is_required() -> None:
    """An empty environment gives the defaults."""
    settings = Settings.from_env({})
    assert (settings.host, settings.port, settings.socket_url) == ("127.0.0.1", 8000, None)
    assert settings.ncco_file == HOME / "ncco.json"
    assert settings.socket_upstreams == ("echo-service:8001", "gateway:8080")


def test_an_empty_value_counts_as_unset() -> None:
    """Compose passes unset variables on as empty ones."""
    empty = {variable.name: "" for variable in VARIABLES}
    assert Settings.from_env(empty) == Settings.from_env({})


def test_values_are_read() -> None:
    """Each kind of value is converted."""
    settings = Settings.from_env(
        {
            "HOST": "::1",
            "PORT": "0",
            "LOG_NUMBERS": "yes",
            "NCCO_FILE": "/etc/ncco/mine.json",
            "SOCKET_URL": "wss://voice.example.org/socket?room=1",
            "PUBLIC_URL": "https://voice.example.org/",
            "SOCKET_UPSTREAMS": "Echo:9000, gateway:80 ,",
            "TRUSTED_PROXIES": "10.0.0.0/8,gateway,::1",
            "AGENT_POLL_SECONDS": "0.5",
        }
    )
    assert settings.host == "::1"
    assert settings.log_numbers is True
    assert settings.ncco_file == Path("/etc/ncco/mine.json")
    assert settings.public_url == "https://voice.example.org"
    assert settings.socket_upstreams == ("echo:9000", "gateway:80")
    assert [*map(str, settings.trusted_proxies)] == [
        "10.0.0.0/8",
        "gateway",
        "::1/128",
    ]
    assert settings.agent_poll_seconds == 0.5


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("HOST", "not a host", "a host name or an IP address"),
        ("PORT", "65536", "an integer from 0 to 65535"),
        ("PORT", "-1", "an integer from 0 to 65535"),
        ("PORT", "٣", "an integer from 0 to 65535"),
        ("WORKER_CONNECTIONS", "0", "an integer from 1 to 100000"),
        ("LOG_LEVEL", "loud", "one of debug, info, warning, error"),
        ("LOG_NUMBERS", "perhaps", "1 or 0"),
        ("SOCKET_URL", "https://voice.example.org/socket", "beginning with ws:// or wss://"),
        ("SOCKET_URL", "wss://", "beginning with ws:// or wss://"),
        ("SOCKET_URL", "wss://a b/socket", "without the blank at place 8"),
        ("SOCKET_URL", "wss://…/socket", "a host instead of …, which looks like a placeholder"),
        ("SOCKET_URL", "wss://https://host/", "(such as wss://voice.example.org/socket)"),
        ("SOCKET_URL", "wss://host:port/socket", "beginning with ws:// or wss://"),
        ("PUBLIC_URL", "voice.example.org", "beginning with http:// or https://"),
        ("PUBLIC_URL", "https://voice.example.org/?x=1", "without a query"),
        ("PUBLIC_URL", "https://voice.example.org/webhooks/answer", "without the webhook's path"),
        ("SOCKET_URL", '"wss://voice.example.org/socket"', "without the quotation mark at place 1"),
        ("NGROK_API_URL", "ngrok:4040", "beginning with http:// or https://"),
        ("NGROK_API_URL", "http://me:secret@ngrok:4040", "without a user name"),
        ("SOCKET_UPSTREAMS", "gateway", "host:port, such as gateway:8080"),
        ("WEBHOOK_UPSTREAMS", "gateway:http", "host:port, such as gateway:8080"),
        ("AGENT_POLL_SECONDS", "0", "a number of seconds from 0.1 to 3600"),
        ("TRUSTED_PROXIES", "10.0.0.0/33", "addresses, networks such as 10.0.0.0/8"),
        ("MAX_BODY_BYTES", "64k", "an integer from 1024 to 16777216"),
    ],
)
def test_a_wrong_value_is_named(name: str, value: str, allowed: str) -> None:
    """The message has the name, what was seen and what is allowed."""
    with pytest.raises(SettingsError) as caught:
        Settings.from_env({name: value})
    (problem,) = caught.value.problems
    assert problem.startswith(f"{name} is {value!r}; it must be ")
    assert allowed in problem
    assert "unset it" in problem


def test_all_wrong_values_are_named_at_once() -> None:
    """Every problem is listed, not only the first."""
    with pytest.raises(SettingsError) as caught:
        Settings.from_env({"PORT": "x", "SOCKET_URL": "x", "LOG_LEVEL": "x"})
    assert [problem.split()[0] for problem in caught.value.problems] == [
        "PORT",
        "LOG_LEVEL",
        "SOCKET_URL",
    ]


SECRET = "0123456789abcdef" * 4


def test_secrets_come_from_files_as_well(tmp_path: Path) -> None:
    """A byte order mark and the line's end are no part of a secret; an empty file is none."""
    (tmp_path / "socket").write_text(f"{SECRET}\n")
    (tmp_path / "new").write_text("new-secret\r\n", "utf-8-sig")
    (tmp_path / "empty").write_text("\n")
    settings = Settings.from_env(
        {
            "SOCKET_SECRET_FILE": str(tmp_path / "socket"),
            "VONAGE_SIGNATURE_SECRET_FILE": str(tmp_path / "new"),
            "VONAGE_SIGNATURE_SECRET_PREVIOUS": "old-secret",
        }
    )
    assert settings.socket_secret == SECRET
    assert settings.socket_auth == "ticket"
    assert settings.vonage_signature_secrets == ("new-secret", "old-secret")
    empty = {"SOCKET_SECRET_FILE": str(tmp_path / "empty")}
    assert Settings.from_env(empty) == Settings.from_env({})
    assert SECRET not in repr(settings)
    assert "new-secret" not in repr(settings)


def test_a_file_replaces_variables(tmp_path: Path) -> None:
    """Its lines win, nothing in them is expanded, and while it is not there nothing changes."""
    file = tmp_path / "settings"
    environ = {"SETTINGS_FILE": str(file), "VONAGE_NUMBER": "447700900002", "LOG_LEVEL": "debug"}
    before = Settings.from_env(environ)
    assert before.vonage_number == "447700900002"
    (tmp_path / "secret").write_text(f"{SECRET}\n")
    file.write_text(
        f"# ours\nVONAGE_NUMBER=447700900001\nSOCKET_SECRET_FILE={tmp_path / 'secret'}\n"
        "LOCAL_URL='http://host/${LOG_LEVEL}'\n"
    )
    settings = Settings.from_env(environ)
    assert (settings.vonage_number, settings.socket_secret) == ("447700900001", SECRET)
    assert settings.local_url == "http://host/${LOG_LEVEL}"
    assert settings.log_level == "debug"


def test_what_a_file_cannot_set_is_named(tmp_path: Path) -> None:
    """An unknown setting, and a file that cannot be read."""
    file = tmp_path / "settings"
    file.write_text("VONAGE_NUMBR=447700900001\nPORT_FILE=x\nPORT=0\n")
    with pytest.raises(SettingsError, match=r"sets VONAGE_NUMBR, PORT_FILE, and this service has"):
        Settings.from_env({"SETTINGS_FILE": str(file)})
    with pytest.raises(SettingsError, match=r"SETTINGS_FILE is '.*', which cannot be read \(Is a"):
        Settings.from_env({"SETTINGS_FILE": str(tmp_path)})
    with pytest.raises(SettingsError, match=r"SETTINGS_FILE is '.*', which cannot be read \(File"):
        Settings.from_env({"SETTINGS_FILE": str(tmp_path / ("x" * 300))})


def test_the_journal_needs_a_folder(tmp_path: Path) -> None:
    """A path that cannot be a file is refused at the start, in words."""
    file = tmp_path / "calls.jsonl"
    assert Settings.from_env({"CALLS_FILE": str(file)}).calls_file == file
    for wrong in (tmp_path, tmp_path / "none" / "calls.jsonl", tmp_path / ("x" * 300) / "calls"):
        with pytest.raises(SettingsError, match="CALLS_FILE is .* must be a file in a folder that"):
            Settings.from_env({"CALLS_FILE": str(wrong)})


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        (
            {"SOCKET_SECRET": "sesam"},
            "SOCKET_SECRET holds a secret of 5 characters (not shown); it",
        ),
        ({"SOCKET_SECRET": "sesam"}, "one line of 32 characters or more, such as openssl rand"),
        ({"SOCKET_SECRET": SECRET, "SOCKET_SECRET_FILE": "x"}, "are both set; unset one of them"),
        ({"SOCKET_SECRET_FILE": "/nix"}, "SOCKET_SECRET_FILE is '/nix', which cannot be read (No"),
        (
            {"VONAGE_SIGNATURE_SECRET": "-----BEGIN PRIVATE KEY-----sesam"},
            "the account's signature secret (dashboard, settings), one line, not a key",
        ),
        (
            {"SOCKET_AUTH": "ticket"},
            "SOCKET_AUTH is 'ticket' without a secret to sign tickets; set",
        ),
        ({"SOCKET_AUTH": "open"}, "it must be one of ticket, vonage, none"),
        ({"VONAGE_API_KEY": "a b"}, "it must be printable characters without blanks"),
        ({"TICKET_SECONDS": "5"}, "an integer from 10 to 3600"),
        ({"ECHO_READY_URL": "echo-service:8001"}, "beginning with https:// or http://"),
        ({"PROBE_SOCKET": "maybe"}, "1 or 0"),
    ],
)
def test_a_wrong_secret_is_named_but_not_shown(environ: dict[str, str], said: str) -> None:
    """The message says what to do, and never the secret."""
    with pytest.raises(SettingsError) as caught:
        Settings.from_env(environ)
    (problem,) = caught.value.problems
    assert said in problem
    assert "sesam" not in problem
    assert SECRET not in problem


def test_each_variable_says_what_it_is_for() -> None:
    """The list that `.env.example` is made from is complete."""
    names = [variable.name for variable in VARIABLES]
    assert len(set(names)) == len(names)
    assert all(variable.help and "\n" not in variable.help for variable in VARIABLES)
