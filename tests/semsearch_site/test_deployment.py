"""What `compose.yaml` and the systemd units say is understood, and names only settings that exist."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from django.conf import settings
from django.urls import reverse

from semsearch_site.supervision.supervisor import STOP_WITHIN_S

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
    assert given <= known_settings() | {"SECRET_KEY", "TMPDIR"}  # the last is Python's own
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
    # compose refuses to start with an empty one: nobody starts with a password that stands in a public file
    assert not re.findall(r"^[A-Z_]+=.", (ROOT / "deploy/compose.env").read_text(), flags=re.M)


def test_only_the_proxy_is_reached_from_outside(compose: dict[str, Any]) -> None:
    services, networks = compose["services"], compose["networks"]
    assert [name for name, service in services.items() if "ports" in service] == ["proxy"]
    assert all(service.get("network_mode") is None for service in services.values())
    on = {name: set(service["networks"]) for name, service in services.items()}
    assert {name for name, some in on.items() if "front" in some} == {"proxy", "web"}
    assert on["proxy"] == {"front"}
    assert networks["back"]["internal"] is True
    for name in ("postgres", "valkey", "storage", "bucket", "milvus", "beat"):
        assert on[name] == {"back"}, name
    (pool,) = networks["front"]["ipam"]["config"]
    assert services["web"]["environment"]["TRUSTED_PROXIES"] == pool["subnet"]


def test_every_container_is_as_closed_as_it_can_be(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        assert service["cap_drop"] == ["ALL"], name
        assert service.get("cap_add", []) == (["NET_BIND_SERVICE"] if name == "proxy" else []), name
        assert "no-new-privileges:true" in service["security_opt"], name
        assert not service.get("privileged"), name
        assert service["read_only"] is (name != "milvus"), name
        assert any(folder.startswith("/tmp") for folder in service["tmpfs"]), name
        assert service["pids_limit"], name
        assert not [bound for bound in service.get("volumes", []) if "docker.sock" in bound], name


def test_every_server_asks_for_a_password(compose: dict[str, Any]) -> None:
    services = compose["services"]
    assert services["postgres"]["environment"]["POSTGRES_PASSWORD"].startswith("${POSTGRES_PASSWORD:?")
    assert services["storage"]["environment"]["MINIO_ROOT_PASSWORD"].startswith("${STORAGE_SECRET_KEY:?")
    assert "--requirepass" in services["valkey"]["command"][-1]
    assert services["valkey"]["environment"]["REDISCLI_AUTH"].startswith("${VALKEY_PASSWORD:?")
    assert services["web"]["environment"]["REDIS_URL"].startswith("redis://:${VALKEY_PASSWORD:?")


def test_the_proxy_knows_what_its_file_asks_for(compose: dict[str, Any]) -> None:
    proxy = compose["services"]["proxy"]
    text = (ROOT / "deploy/Caddyfile").read_text()
    assert set(re.findall(r"\{\$([A-Z_]+)", text)) == set(proxy["environment"])
    assert text.count("reverse_proxy web:8000") == 2
    assert text.count("max_size") == 2
    assert {"read_header", "read_body", "write", "idle"} <= set(text.split())
    assert "./deploy/Caddyfile:/etc/caddy/Caddyfile:ro" in proxy["volumes"]


HARDENED = {
    "UMask": "0077", "StateDirectoryMode": "0700", "NoNewPrivileges": "true", "CapabilityBoundingSet": "",
    "PrivateTmp": "true", "ProtectSystem": "strict", "ProtectHome": "true", "RestrictSUIDSGID": "true",
    "RestrictNamespaces": "true", "SystemCallFilter": "@system-service", "ProtectKernelModules": "true",
    "User": "semsearch",
}  # fmt: skip
UNITS = sorted((ROOT / "deploy/systemd").glob("*.service"))


def units_in(guide: str) -> dict[str, str]:
    """Return the units that a guide lets its reader write, by the names that it gives them."""
    text = (ROOT / "docs/how-to" / f"{guide}.md").read_text()
    found = {}
    for block in re.finditer(r"^```ini\n(\[.*?)^```", text, flags=re.M | re.S):
        found[re.findall(r"`/etc/systemd/system/([\w@.-]+)`", text[: block.start()])[-1]] = block[1]
    return found


UNITS_OF_GUIDES = {guide: units_in(guide) for guide in ("one-machine", "backup")}


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_a_systemd_unit_gives_its_process_no_more_than_it_needs(unit: Path) -> None:
    lines = re.findall(r"^(\w+)=(.*)$", unit.read_text(), flags=re.M)
    assert HARDENED.items() <= dict(lines).items()


def test_every_service_is_limited_and_waits_only_for_what_is_there(compose: dict[str, Any]) -> None:
    services = compose["services"]
    for name, service in services.items():
        assert set(service.get("depends_on", {})) <= set(services), name
        if service.get("restart") == "unless-stopped" or name in ("web", "worker", "extractor", "beat"):
            limits = service["deploy"]["resources"]["limits"]
            assert set(limits) == {"cpus", "memory"}, name


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_a_systemd_unit_starts_what_the_project_installs(unit: Path) -> None:
    text = unit.read_text()
    (command,) = re.findall(r"^ExecStart=(\S+)", text, flags=re.M)
    assert Path(command).name in ("gunicorn", "celery", "python")
    assert re.search(r"^EnvironmentFile=-?/etc/semsearch.env$", text, flags=re.M)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="asks systemd what it makes of the units")
def test_systemd_understands_every_unit(tmp_path: Path) -> None:
    shipped = {unit.name: unit.read_text() for unit in UNITS}
    for source, units in {"deploy": shipped, **UNITS_OF_GUIDES}.items():
        folder = tmp_path / source
        folder.mkdir()
        for name, text in units.items():
            # a template is looked at as one of its instances, and programs where they are here
            here = text.replace("/opt/semsearch/.venv/bin/", f"{Path(sys.executable).parent}/")
            (folder / name.replace("@", "@1")).write_text(here.replace("/opt/semsearch", str(ROOT)))
        command = ["systemd-analyze", "verify", "--recursive-errors=no", *map(str, sorted(folder.iterdir()))]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert (done.returncode, done.stderr) == (0, ""), source


@pytest.mark.parametrize(
    "text",
    [
        (ROOT / "deploy/systemd/semsearch.service").read_text(),
        UNITS_OF_GUIDES["one-machine"]["semsearch.service"],
    ],
    ids=["shipped", "guide"],
)
def test_the_unit_of_the_whole_site_starts_serve_and_lets_it_start_its_parts_anew(text: str) -> None:
    unit = dict(re.findall(r"^(\w+)=(.*)$", text, flags=re.M))
    assert unit["ExecStart"].endswith("manage.py serve")
    assert {"Restart": "on-failure", "KillMode": "mixed", "OOMPolicy": "continue"}.items() <= unit.items()
    # asked first, then killed, each part within this time, the broker last
    assert int(unit["TimeoutStopSec"]) > 2 * STOP_WITHIN_S


def test_the_environment_of_the_units_names_settings_that_exist() -> None:
    text = (ROOT / "deploy/systemd/semsearch.env").read_text()
    assert set(re.findall(r"^([A-Z_]+)=", text, flags=re.M)) <= known_settings()


PROXIES = sorted((ROOT / "deploy/proxies").iterdir())
PROBES = "/(metrics|readyz)$"
ARCHIVES = "/(api/v1/datasets/[^/]+/upload/|admin/gallery/dataset/upload/)$"


@pytest.mark.parametrize("file", [*PROXIES, ROOT / "deploy/Caddyfile"], ids=lambda path: path.name)
def test_every_proxy_closes_probes_and_lets_archives_and_images_pass(file: Path) -> None:
    text = file.read_text()
    # one expression each for all of them, which holds below a path as well
    assert PROBES in text
    assert ARCHIVES in text
    pages = [(PROBES, reverse("metrics")), (PROBES, reverse("readyz"))]
    pages += [(ARCHIVES, reverse("dataset-upload", args=["birds"]))]
    pages += [(ARCHIVES, reverse("admin:gallery_dataset_upload"))]
    for expression, address in pages:
        assert re.search(expression, address), address
        assert re.search(expression, f"/semsearch{address}"), address
        assert not re.search(expression, f"{address}more"), address


def test_the_proxies_are_as_wide_as_the_limits_of_the_site() -> None:
    nginx = (ROOT / "deploy/proxies/nginx.conf").read_text()
    assert re.findall(r"client_max_body_size (\w+);", nginx) == ["60m", "20g"]
    assert settings.MAX_PICTURE_BYTES < 60e6
    assert settings.MAX_ARCHIVE_BYTES <= 20 * 2**30
    traefik = yaml.safe_load((ROOT / "deploy/proxies/traefik.yaml").read_text())["http"]
    buffered = traefik["middlewares"]["semsearch-images"]["buffering"]["maxRequestBodyBytes"]
    assert buffered > settings.MAX_PICTURE_BYTES
    middlewares = {name for router in traefik["routers"].values() for name in router.get("middlewares", [])}
    assert middlewares == set(traefik["middlewares"])


def test_the_image_is_made_without_tensorflow_from_what_a_step_with_it_made() -> None:
    whole, _, serving = (ROOT / "Dockerfile").read_text().partition("\nFROM base\n")
    assert "convert_networks default" in whole
    assert "collectstatic" in whole
    assert "requirements-serve.lock" in serving
    assert "requirements.lock" not in serving
    copied = re.findall(r"^COPY --from=whole \S+ (\S+)$", serving, flags=re.M)
    assert set(copied) == {"converted_networks", "staticfiles"}
    assert "STATIC_ROOT=/srv/semsearch/staticfiles" in whole
    assert settings.CONVERTED_NETWORKS == ROOT / "converted_networks"
