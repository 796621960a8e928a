"""What `compose.yaml` and the systemd units say is understood, and names only settings that exist."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
OURS = ("migrate", "web", "worker", "extractor", "beat")


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    """Return compose.yaml as it is written."""
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
    return loaded


def known_settings() -> set[str]:
    return set(re.findall(r"^# ([A-Z_]+)=", (ROOT / ".env.example").read_text(), flags=re.M))


def test_compose_follows_the_compose_specification(compose: dict[str, Any]) -> None:
    # the schema of the specification (Apache-2.0), as Debian's docker-compose 1.29.2 carries it
    schema = json.loads((ROOT / "tests/data/compose-spec.json").read_text())
    jsonschema.Draft7Validator(schema).validate(compose)


def test_every_setting_that_compose_gives_us_exists(compose: dict[str, Any]) -> None:
    given = {name for service in OURS for name in compose["services"][service]["environment"]}
    assert given <= known_settings() | {"SECRET_KEY"}
    assert {"DATABASE_URL", "REDIS_URL", "STORAGE_BUCKET", "INDEX_BACKEND", "MILVUS_URI"} <= given


def test_milvus_runs_only_where_it_is_asked_for_and_nobody_else_waits_for_it(compose: dict[str, Any]) -> None:
    services = compose["services"]
    assert services["milvus"]["profiles"] == ["milvus"]
    assert "ports" not in services["milvus"]
    assert not [name for name, service in services.items() if "milvus" in service.get("depends_on", {})]


def test_every_long_running_service_tells_whether_it_is_well(compose: dict[str, Any]) -> None:
    # beat only sends messages; what it should have started is seen at the workers
    silent = {name for name, service in compose["services"].items() if "healthcheck" not in service}
    assert silent == {"migrate", "bucket", "beat"}


def test_workers_are_started_for_queues_that_exist(compose: dict[str, Any]) -> None:
    from django.conf import settings

    def named(text: str) -> set[str]:
        return set(
            text.partition(":-")[2].rstrip("}").split(",") if text.startswith("$") else text.split(",")
        )

    commands = {name: compose["services"][name]["command"] for name in ("worker", "extractor")}
    queues = {name: named(command[command.index("--queues") + 1]) for name, command in commands.items()}
    assert queues["worker"] == set(settings.JOB_QUEUES), "one worker alone does everything"
    assert queues["extractor"] < set(settings.JOB_QUEUES)
    unit = (ROOT / "deploy/systemd/semsearch-worker@.service").read_text()
    (given,) = re.findall(r"^Environment=QUEUES=(\S+)", unit, flags=re.M)
    assert named(given) == set(settings.JOB_QUEUES)


def test_every_variable_without_a_default_stands_in_the_example_environment(compose: dict[str, Any]) -> None:
    required = set(re.findall(r"\$\{([A-Z_]+):\?", (ROOT / "compose.yaml").read_text()))
    named = set(re.findall(r"^([A-Z_]+)=", (ROOT / "deploy/compose.env").read_text(), flags=re.M))
    assert required == named


def test_every_service_is_limited_and_waits_only_for_what_is_there(compose: dict[str, Any]) -> None:
    services = compose["services"]
    for name, service in services.items():
        assert set(service.get("depends_on", {})) <= set(services), name
        if service.get("restart") == "unless-stopped" or name in ("web", "worker", "extractor", "beat"):
            limits = service["deploy"]["resources"]["limits"]
            assert set(limits) == {"cpus", "memory"}, name


@pytest.mark.parametrize(
    "unit", sorted((ROOT / "deploy/systemd").glob("*.service")), ids=lambda path: path.name
)
def test_a_systemd_unit_starts_what_the_project_installs(unit: Path) -> None:
    text = unit.read_text()
    (command,) = re.findall(r"^ExecStart=(\S+)", text, flags=re.M)
    assert Path(command).name in ("gunicorn", "celery")
    assert "EnvironmentFile=/etc/semsearch.env" in text


def test_the_environment_of_the_units_names_settings_that_exist() -> None:
    text = (ROOT / "deploy/systemd/semsearch.env").read_text()
    assert set(re.findall(r"^([A-Z_]+)=", text, flags=re.M)) <= known_settings()
