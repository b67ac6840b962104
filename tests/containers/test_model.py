"""Rules for every service of the Compose file, as Compose itself reads it.

A new service that forgets one of these fails here.
"""

from __future__ import annotations

import json
import re
import runpy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import echo_service.settings
import ncco_service.settings
import pytest

from tests.compose import ROOT, ComposeStack

DOMAIN = ROOT / "docker-compose.domain.yml"
METRICS = ("deploy/metrics/prometheus", "deploy/metrics/grafana")
IMAGES = ("ncco-service", "echo-service", "gateway", "ready", "phone", "secrets", "ngrok", *METRICS)
KEEPER = "gateway/certificates"
"""Folder of the image that only one's own domain needs."""
OWN = (
    "recordings",
    "call-keys",
    "metrics",
    "grafana",
    "network",
    str(ROOT / "out"),
)
"""Mounts that the one service whose they are may write to."""
FORMER = {"THREADS", "OBSERVE_HOST", "OBSERVE_PORT"}
"""Settings that are passed on only so that a service refuses them and names their successors."""
SECRET = re.compile(r"SECRET|TOKEN|PRIVATE_KEY|PASSWORD")

Model = dict[str, Any]


def read(*files: Path, **env: str) -> Model:
    """Return the whole model, all profiles, as Compose reads it with `env` for `.env`."""
    with ComposeStack(files=files, env=env, start=False) as stack:
        model: Model = json.loads(stack.compose("--profile", "*", "config", "--format", "json"))
    return model


@pytest.fixture(scope="module")
def model() -> Model:
    """Return the model with an empty `.env`."""
    return read()


@pytest.fixture(scope="module")
def services(model: Model) -> dict[str, Any]:
    """Return its services by name."""
    return dict(model["services"])


def jobs(services: dict[str, Any]) -> set[str]:
    """Return the names of the jobs, which run once before the services."""
    conditions = [(name, how["condition"]) for s in services.values() for name, how in needs(s)]
    return {name for name, condition in conditions if condition == "service_completed_successfully"}


def needs(service: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield what a service depends on, and how."""
    yield from service.get("depends_on", {}).items()


def dockerfile(service: dict[str, Any]) -> str:
    """Return the Dockerfile a service is built from, or nothing."""
    build = service.get("build")
    return Path(build["context"], build["dockerfile"]).read_text() if build else ""


def test_the_services_are_the_known_ones(services: dict[str, Any]) -> None:
    """The tests below know all services; a new one must be considered."""
    known = {"ncco-service", "echo-service", "gateway", "ready", "phone"}
    known |= {"network", "prometheus", "grafana"}
    assert set(services) == known | {"ngrok", "ngrok-token", "secrets"}


def test_nothing_can_be_written(services: dict[str, Any]) -> None:
    """Every root file system is read-only, with a small, non-executable /tmp."""
    for name, service in services.items():
        assert service.get("read_only") is True, name
        (tmpfs,) = service["tmpfs"]
        assert tmpfs.startswith("/tmp:"), name
        assert {"noexec", "nosuid", "nodev"} <= set(tmpfs.partition(":")[2].split(",")), name
        assert "size=" in tmpfs, name
        for mount in service.get("volumes", []):
            out = (name, mount["source"]) == ("phone", str(ROOT / "out"))
            assert mount["type"] == "volume" or mount.get("read_only") or out, (name, mount)


def test_nobody_has_privileges(services: dict[str, Any]) -> None:
    """All capabilities are dropped, none can be gained, and no namespace is the host's."""
    for name, service in services.items():
        assert service.get("cap_drop") == ["ALL"], name
        assert service.get("security_opt") == ["no-new-privileges:true"], name
        assert not service.get("privileged"), name
        assert {service.get(key) for key in ("pid", "ipc", "uts", "userns_mode")} == {None}, name
        assert service.get("network_mode") in (None, "none"), name
        assert not service.get("devices"), name
        mounted = [mount["source"] for mount in service.get("volumes", [])]
        assert not [source for source in mounted if "docker.sock" in source], name


def test_only_the_phone_has_a_capability(services: dict[str, Any]) -> None:
    """It needs two to become the owner of its folder."""
    added = {name: service["cap_add"] for name, service in services.items() if "cap_add" in service}
    assert added == {"phone": ["SETGID", "SETUID"]}


def test_nobody_is_root_but_a_job_without_a_network(services: dict[str, Any]) -> None:
    """Users are numbers other than 0; only jobs without a network are root.

    The phone starts as root, and becomes the owner of the folder it writes into.
    """
    for name, service in services.items():
        users = re.findall(r"^USER (\S+)$", dockerfile(service), re.MULTILINE)
        user = service.get("user") or (users[-1] if users else "0")
        assert re.fullmatch(r"\d+(:\d+)?", user), name
        if name == "phone":
            assert service["entrypoint"][:2] == ["/app/as-owner-of", "/out"]
        elif user.split(":")[0] == "0":
            assert name in jobs(services), name
            assert service["network_mode"] == "none", name


def test_everything_is_limited(services: dict[str, Any]) -> None:
    """Memory, CPU, processes and logs are bounded."""
    for name, service in services.items():
        limits = service["deploy"]["resources"]["limits"]
        assert 0 < float(limits["cpus"]) <= 1, name  # a small host has one
        assert 0 < int(limits["memory"]) <= 512 * 1024 * 1024, name
        assert 0 < int(limits["pids"]) <= 128, name
        assert {"max-size", "max-file"} <= set(service["logging"]["options"]), name
    assert services["gateway"]["ulimits"] == {"nofile": 4096}, "its memory hangs on it"


def test_whoever_goes_on_is_restarted_and_has_a_health(services: dict[str, Any]) -> None:
    """Services have a health check and are restarted; jobs and the phone are not."""
    for name, service in services.items():
        check = service.get("healthcheck", {})
        if name in jobs(services) | {"phone"}:
            assert check == {"disable": True}, name
            assert service["restart"] == "no", name
        else:
            asks = "test" in check or re.search(r"^HEALTHCHECK .*CMD", dockerfile(service), re.M)
            assert asks, name
            assert {"interval", "timeout", "start_period", "start_interval"} <= set(check), name
            assert service["restart"] == "always", name


def test_signals_arrive_and_there_is_time_to_obey(services: dict[str, Any]) -> None:
    """An init forwards signals; the time to stop is set, and longer than the drain."""
    for name, service in services.items():
        assert service.get("init") is True, name
        assert "stop_grace_period" in service or name in jobs(services), name
    grace = services["echo-service"]["stop_grace_period"]
    defaults = {v.name: v.default for v in echo_service.settings.VARIABLES}
    assert seconds(grace) >= float(defaults["DRAIN_SECONDS"]) + 5


def seconds(duration: str) -> float:
    """Read Compose's durations, such as 1m30s."""
    units = {"h": 3600.0, "m": 60.0, "s": 1.0}
    return sum(
        float(number) * units[unit] for number, unit in re.findall(r"(\d+)([hms])", duration)
    )


def test_all_that_is_published_is_on_loopback(services: dict[str, Any]) -> None:
    """Ports are published on loopback only; the agent's API is not published at all."""
    published = {
        (name, port["host_ip"], port["target"])
        for name, service in services.items()
        for port in service.get("ports", [])
    }
    assert published == {
        ("gateway", "127.0.0.1", 8080),
        ("echo-service", "127.0.0.1", 9001),
        ("ncco-service", "127.0.0.1", 8002),
        ("prometheus", "127.0.0.1", 9090),
        ("grafana", "127.0.0.1", 3000),
    }


def test_only_two_services_can_reach_the_agent(services: dict[str, Any]) -> None:
    """The tunnel's network has only the agent, the gateway and ncco-service."""
    on = {
        network: {name for name, s in services.items() if network in s.get("networks", {})}
        for network in ("calls", "tunnel", "metrics")
    }
    assert on["tunnel"] == {"ngrok", "gateway", "ncco-service"}
    assert on["calls"] == {
        "gateway",
        "ncco-service",
        "echo-service",
        "ready",
        "phone",
        "network",
        "prometheus",
    }
    assert on["metrics"] == {"prometheus", "grafana"}
    assert {n for s in services.values() for n in s.get("networks", {})} == set(on)


def test_a_secret_is_a_file_and_only_for_whom_it_concerns(services: dict[str, Any]) -> None:
    """No service that listens has a secret in its environment, whatever the user set."""
    given = {name: f"{name}-value" for name in ("NGROK_AUTHTOKEN", "VONAGE_SIGNATURE_SECRET")}
    for name, service in read(**given)["services"].items():
        if name in jobs(services):
            continue
        for variable, value in (service.get("environment") or {}).items():
            assert not SECRET.search(variable) or variable.endswith("_FILE"), (name, variable)
            assert not [secret for secret in given.values() if secret in (value or "")], name
    users: dict[str, set[str]] = {}
    for name, service in services.items():
        for mount in service.get("volumes", []):
            users.setdefault(mount["source"], set()).add(name)
            own = mount["source"] in OWN
            assert name in jobs(services) or mount.get("read_only") or own, (name, mount)
    assert users["recordings"] == {"echo-service"}
    assert users["call-keys"] == {"ncco-service"}
    assert users["socket-secret"] == {"secrets", "ncco-service", "echo-service"}
    assert users["call-secrets"] == {"secrets", "ncco-service"}
    assert users["vonage-secrets"] == {"secrets", "ncco-service", "echo-service", "phone"}
    assert users["ngrok-token"] == {"ngrok-token", "ngrok"}
    assert users["network"] == {"network", "ncco-service"}


def test_the_network_leaves_nothing_behind(model: Model) -> None:
    """Its application is in memory, owned by both images' user, and gone with the containers."""
    options = model["volumes"]["network"]["driver_opts"]
    assert (options["type"], options["device"]) == ("tmpfs", "tmpfs")
    users = {re.findall(r"^USER (\S+)$", dockerfile(model["services"][name]), re.M)[-1]
             for name in ("network", "ncco-service")}  # fmt: skip
    (user,) = users
    uid, gid = user.split(":")
    assert {f"uid={uid}", f"gid={gid}", "mode=0700"} <= set(options["o"].split(","))
    assert model["services"]["network"]["profiles"] == ["network"]


def test_every_setting_reaches_its_service(services: dict[str, Any]) -> None:
    """Every setting of a service can be set in `.env`."""
    fixed = {"HOST", "PORT", "ECHO_TEXT_FOR_TESTS"}  # the gateway counts on them; tests alone
    for name, variables in (
        ("ncco-service", ncco_service.settings.VARIABLES),
        ("echo-service", echo_service.settings.VARIABLES),
    ):
        passed = {key.removesuffix("_FILE") for key in services[name]["environment"]}
        passed |= set(services[name]["environment"])
        assert {variable.name for variable in variables} - fixed <= passed, name


def test_secrets_are_forgotten_without_recordings_and_certificates(model: Model) -> None:
    """The documents' command removes exactly the volumes into which the jobs write."""
    page = (ROOT / "docs/containers.md").read_text()
    (command,) = re.findall(r"docker volume rm (.+-secret .+)", page)
    written = {mount["source"] for name in jobs(model["services"])
               for mount in model["services"][name]["volumes"]}  # fmt: skip
    assert set(command.split()) == {f"call-a-websocket_{volume}" for volume in written}
    assert f"docker volume rm call-a-websocket_{'recordings'}`" in page


def test_a_job_requires_what_the_services_require() -> None:
    """Of a secret's length: what is too short is refused before it is written."""
    job = runpy.run_path(str(ROOT / "secrets/prepare.py"))["SHORTEST"]
    for name, shortest in job.items():
        environ = {name.upper(): "x" * (shortest - 1)}
        settings: Any = echo_service.settings.Settings
        if name.startswith("operator"):
            settings = ncco_service.settings.Settings
        with pytest.raises(Exception, match=rf"{name.upper()}\b.*\b{shortest}\b"):
            settings.from_env(environ)


def test_every_file_with_a_secret_is_mounted() -> None:
    """A file that `.env` names for a secret is the one that Compose hands over."""
    names = {variable.name for variable in ncco_service.settings.VARIABLES}
    names |= {variable.name for variable in echo_service.settings.VARIABLES}
    files = {n: f"/given/{n}" for n in names if SECRET.search(n) and n.endswith("_FILE")}
    model = read(**files)
    assert {secret["file"] for secret in model["secrets"].values()} == set(files.values())
    handed = {each["source"] for each in model["services"]["secrets"]["secrets"]}
    assert handed == set(model["secrets"])


def test_a_setting_of_the_user_arrives() -> None:
    """A variable without a value in the Compose file is taken from `.env`, or stays unset."""
    services = read(DRAIN_SECONDS="7", LOG_LEVEL="debug")["services"]
    assert services["echo-service"]["environment"]["DRAIN_SECONDS"] == "7"
    assert services["ncco-service"]["environment"]["LOG_LEVEL"] == "debug"
    assert services["ncco-service"]["environment"]["SOCKET_URL"] is None


def test_env_example_has_the_defaults_of_compose(services: dict[str, Any]) -> None:
    """A setting's default there is the one that Compose gives, where it gives any."""
    text = (ROOT / ".env.example").read_text()
    for name in ("ncco-service", "echo-service"):
        section = text.partition(f"--- {name} ---")[2].partition(f"# For {name} run by hand")[0]
        listed = dict(re.findall(r"^#([A-Z_]+)=(.*)$", section, re.MULTILINE))
        given = services[name]["environment"]
        assert len(listed) > 10
        for setting, default in listed.items():
            if given.get(setting) and not setting.endswith("_FILE") and setting != "METRICS_PORT":
                assert given[setting] == default, setting
        for setting in given.keys() - listed.keys() - FORMER:
            fixed = given[setting] is not None
            assert fixed or setting in text, f"{setting} is settable, and not listed"


def test_a_token_makes_ncco_service_expect_a_tunnel(services: dict[str, Any]) -> None:
    """Without a token nobody waits for an agent; with one, a call works only if the tunnel does."""
    assert services["ncco-service"]["environment"]["NGROK_API_URL"] == ""
    told = read(NGROK_AUTHTOKEN="x")["services"]["ncco-service"]["environment"]
    assert told["NGROK_API_URL"] == "http://ngrok:4040"


def test_a_profile_does_not_restart_the_tunnel() -> None:
    """A job that changed is recreated, and the agent with it: its calls would be cut."""
    jobs = [
        read(NGROK_AUTHTOKEN="x", COMPOSE_PROFILES=profiles)["services"]["ngrok-token"]
        for profiles in ("", "metrics")
    ]
    assert jobs[0] == jobs[1]


def test_the_token_is_the_tunnels_switch(services: dict[str, Any]) -> None:
    """Without one Compose keeps no agent, downloads none, and takes a running one away."""
    opened = read(NGROK_AUTHTOKEN="x")["services"]["ngrok"]
    for ngrok, replicas, stage in ((services["ngrok"], 0, "tunnel"), (opened, 1, "tunnel-agent")):
        assert ngrok["deploy"]["replicas"] == replicas
        assert ngrok["build"]["target"] == stage
        assert "profiles" not in ngrok, "else `down` would leave it running"
    name = (ROOT / "docker-compose.yml").read_text().partition("\n  ngrok:\n")[2]
    assert "image: ${COMPOSE_PROJECT_NAME}-tunnel${NGROK_AUTHTOKEN:+-agent}\n" in name


def test_the_echo_service_is_the_first_to_stop(services: dict[str, Any]) -> None:
    """Compose stops in the reverse order of starting: what carries the calls stops last."""
    before = dict(needs(services["echo-service"]))
    assert {"ncco-service", "gateway", "ngrok"} <= set(before)
    assert before["ngrok"]["required"] is False
    for name in ("ncco-service", "gateway", "ngrok"):
        assert "echo-service" not in dict(needs(services[name])), name


def test_two_wait_for_health_if_there_is_any(services: dict[str, Any]) -> None:
    """So there is no circle; and the phone can say what is wrong with a stack that is not well.

    ncco-service reads the settings that the simulated network writes.
    """
    waits = {(n, on): how["required"] for n, s in services.items() for on, how in needs(s)
             if "healthy" in str(how)}  # fmt: skip
    assert waits == {("phone", "ready"): False, ("ncco-service", "network"): False}
    assert not dict(needs(services["network"]))


def test_health_is_measured_anew_whenever_a_service_is_replaced(services: dict[str, Any]) -> None:
    """Compose restarts `ready` with each service that it checks."""
    on = dict(needs(services["ready"]))
    assert {name for name, how in on.items() if how.get("restart")} == {
        "ncco-service", "echo-service", "gateway", "ngrok",
    }  # fmt: skip


def test_both_services_can_be_watched(services: dict[str, Any]) -> None:
    """`docker compose watch` rebuilds on an edit; it cannot write into a running one."""
    for name in ("ncco-service", "echo-service"):
        (rule,) = services[name]["develop"]["watch"]
        assert rule["action"] == "rebuild"
        assert rule["path"] == str(ROOT / name)


def test_each_image_is_built_from_its_own_folder(services: dict[str, Any]) -> None:
    """No image needs anything outside its folder."""
    built = {
        Path(s["build"]["context"]).relative_to(ROOT) for s in services.values() if "build" in s
    }
    assert {str(folder) for folder in built} == set(IMAGES)


def test_a_domain_publishes_the_web_ports_and_nothing_else() -> None:
    """The file for your own domain opens 80 and 443 of the gateway, and names what it needs."""
    services = read(DOMAIN, SITE_ADDRESS="calls.example.com")["services"]
    open_ports = {
        (name, port["target"])
        for name, service in services.items()
        for port in service.get("ports", [])
        if port.get("host_ip") != "127.0.0.1"
    }
    assert open_ports == {("gateway", 80), ("gateway", 443)}
    told = services["ncco-service"]["environment"]
    assert told["SOCKET_URL"] == "wss://calls.example.com/socket"
    assert told["PUBLIC_URL"] == "https://calls.example.com"
    with ComposeStack(files=[DOMAIN], start=False) as stack:
        refused = stack.run("config", "--quiet")
    assert refused.returncode != 0
    assert "SITE_ADDRESS" in refused.stdout


def test_a_domain_adds_one_service_under_the_same_rules() -> None:
    """It is as restricted as the others, and alone may write the volume with the certificate."""
    services = read(DOMAIN, SITE_ADDRESS="calls.example.com")["services"]
    keeper = services["certificates"]
    assert keeper["build"]["context"] == str(ROOT / KEEPER)
    for rule in (
        "cap_drop", "init", "logging", "networks", "read_only", "restart", "security_opt", "tmpfs",
    ):  # fmt: skip
        assert keeper[rule] == services["ready"][rule], rule
    assert set(keeper["deploy"]["resources"]["limits"]) == {"cpus", "memory", "pids"}
    mounts = {
        (name, mount.get("read_only", False))
        for name, service in services.items()
        for mount in service.get("volumes", [])
        if mount["source"] == "certificates"
    }
    assert mounts == {("certificates", False), ("gateway", True)}


@pytest.mark.parametrize("folder", [*IMAGES, KEEPER])
def test_a_dockerfile_follows_the_house(folder: str) -> None:
    """Dockerfiles have an argument for the base, a user, a stop signal and labels, and no curl."""
    text = (ROOT / folder / "Dockerfile").read_text()
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    code = "\n".join(lines)
    assert "# syntax" not in text
    assert not [line for line in lines if line.startswith("FROM") and "@sha256" in line]
    assert re.search(
        r"^ARG (PYTHON|DEBIAN|NGROK|PROMETHEUS|GRAFANA)_IMAGE=[a-z/]+:[0-9a-z.-]+$",
        code,
        re.MULTILINE,
    )
    assert re.search(r"^USER [1-9]\d*:[1-9]\d*$", code, re.MULTILINE)
    assert re.search(r"^STOPSIGNAL SIG(TERM|INT|USR1)$", code, re.MULTILINE)
    assert re.search(r"^(CMD|ENTRYPOINT) \[", code, re.MULTILINE)
    assert re.search(r"^HEALTHCHECK (NONE|.*CMD \[)", code, re.MULTILINE)
    assert "org.opencontainers.image.title" in code
    assert "curl" not in code
    if (ROOT / folder / "requirements.txt").exists():
        assert code.count("\nFROM ") == 2
        assert re.search(r"--require-hashes -r (requirements\.txt|\$\{REQUIREMENTS\})", code)
    ignored = (ROOT / folder / ".dockerignore").read_text().splitlines()
    assert "*" in ignored, "deny by default"


@pytest.mark.parametrize("service", ["ncco-service", "echo-service"])
def test_traces_add_to_what_is_locked(service: str) -> None:
    """With the extra, everything else has the same version, and the library is there."""
    locks = [
        set(re.findall(r"^(\S+==\S+)", (ROOT / service / file).read_text(), re.MULTILINE))
        for file in ("requirements.txt", "requirements-traces.txt")
    ]
    assert locks[0] < locks[1]
    assert any(line.startswith("opentelemetry-sdk==") for line in locks[1])
