"""docs/deploying.md, the manifests under deploy/ and the bento fit the service that they start."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from petrography.errors import ConfigurationError
from service.settings import Settings
from tests.documented_blocks import blocks
from tests.started import free_port, started, wait_until_ready

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "deploying.md").read_text(encoding="utf-8")
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
BUILD_WITHIN_S = 300.0
FIELDS = Settings.model_fields


def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text())
    return loaded


def manifests() -> dict[str, dict[str, Any]]:
    text = (ROOT / "deploy" / "kubernetes.yaml").read_text()
    return {one["kind"]: one for one in yaml.safe_load_all(text)}


def pod() -> dict[str, Any]:
    found: dict[str, Any] = manifests()["Deployment"]["spec"]["template"]["spec"]
    return found


def check_variables(variables: dict[str, str]) -> None:
    assert variables
    for name, value in variables.items():
        field = name.removeprefix("PETROSERVE_").lower()
        assert name.startswith("PETROSERVE_")
        assert field in FIELDS, name
        assert getattr(Settings.model_validate({field: value}), field) is not None


@pytest.mark.parametrize("name", ["petroserve", "petroserve-cpu"])
def test_compose_says_what_the_service_and_its_image_know(name: str) -> None:
    service = compose()["services"][name]
    check_variables(service["environment"])
    assert service["ports"] == [
        f"127.0.0.1:{port}:{port}"
        for port in (FIELDS["http_port"].default, FIELDS["grpc_port"].default)
    ]
    (volume,) = service["volumes"]
    assert volume == "petroserve-data:/data"
    assert "VOLUME /data" in DOCKERFILE
    for argument in service["build"].get("args", {}):
        assert re.search(rf"^ARG {argument}=", DOCKERFILE, flags=re.MULTILINE)
    assert (
        int(service["stop_grace_period"].removesuffix("s")) > FIELDS["grpc_stop_within_s"].default
    )


def test_the_files_of_compose_are_projects_of_their_own() -> None:
    # Without names both would be called after their folder, and one would remove the other's.
    senaite = yaml.safe_load((ROOT / "deploy" / "senaite.yaml").read_text())
    assert (compose().get("name"), senaite.get("name")) == ("petroserve", "senaite")


def test_compose_and_docker_run_mount_the_same_volume() -> None:
    ((name, volume),) = compose()["volumes"].items()
    assert volume["name"] == name
    page = (ROOT / "docs" / "access.md").read_text(encoding="utf-8")
    assert set(re.findall(r"-v (\S+):/data", page + DOCKERFILE)) == {name}


def test_only_one_of_the_services_has_the_gpu() -> None:
    services = compose()["services"]
    assert services["petroserve"]["environment"]["PETROSERVE_PROVIDER"] == "cuda"
    assert "devices" in str(services["petroserve"]["deploy"])
    assert "deploy" not in services["petroserve-cpu"]


def test_the_pod_is_as_the_image_wants_it() -> None:
    (container,) = pod()["containers"]
    check_variables({one["name"]: one["value"] for one in container["env"]})
    ports = {one["name"]: one["containerPort"] for one in container["ports"]}
    assert ports == {"http": FIELDS["http_port"].default, "grpc": FIELDS["grpc_port"].default}
    user = pod()["securityContext"]["runAsUser"]
    assert f"--uid {user}" in DOCKERFILE
    assert f"\nUSER {user}\n" in DOCKERFILE
    assert pod()["terminationGracePeriodSeconds"] > FIELDS["grpc_stop_within_s"].default
    mounted = {one["name"]: one["mountPath"] for one in container["volumeMounts"]}
    assert mounted.keys() == {one["name"] for one in pod()["volumes"]}
    assert mounted["data"] == "/data"
    keys = next(one["value"] for one in container["env"] if one["name"] == "PETROSERVE_API_KEYS")
    assert Path(keys).parent == Path(mounted["keys"])


def asked_paths() -> set[str]:
    """What a cluster asks for: probes and metrics."""
    (container,) = pod()["containers"]
    probes = {name: one["httpGet"] for name, one in container.items() if name.endswith("Probe")}
    assert probes.keys() == {"startupProbe", "readinessProbe", "livenessProbe"}
    notes = manifests()["Deployment"]["spec"]["template"]["metadata"]["annotations"]
    return {one["path"] for one in probes.values()} | {notes["prometheus.io/path"]}


def test_manifests_name_each_other() -> None:
    labels = manifests()["Deployment"]["spec"]["template"]["metadata"]["labels"]
    assert manifests()["Deployment"]["spec"]["selector"]["matchLabels"] == labels
    assert manifests()["Service"]["spec"]["selector"] == labels
    claims = [one.get("persistentVolumeClaim", {}).get("claimName") for one in pod()["volumes"]]
    assert manifests()["PersistentVolumeClaim"]["metadata"]["name"] in claims


def test_the_bento_of_the_page_serves(tmp_path: Path) -> None:
    (block,) = blocks(PAGE, "bash")
    build, *serve = block.splitlines()
    port = free_port()
    variables = {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "BENTOML_HOME": str(tmp_path / "bentos"),
        "BENTOML_DO_NOT_TRACK": "True",
        "PETROSERVE_GRPC_PORT": str(free_port()),
    }
    subprocess.run(
        build.split(), cwd=ROOT, env=variables, check=True, capture_output=True,
        timeout=BUILD_WITHIN_S,
    )  # fmt: skip
    # Exactly as it is written, but for the port; exec, so that the shell does not keep the signal.
    serve[-1] = f"exec {serve[-1].replace('3000', str(port))}"
    log = tmp_path / "log.txt"
    with started(["bash", "-ec", "\n".join(serve)], variables, log, tmp_path) as process:
        wait_until_ready(f"http://127.0.0.1:{port}", process, log)
        models = httpx.get(f"http://127.0.0.1:{port}/v1/models").json()["models"]
        for path in asked_paths():
            assert httpx.get(f"http://127.0.0.1:{port}{path}").status_code == 200, path
    assert {one["name"] for one in models} == {path.name for path in (ROOT / "models").iterdir()}
    # Beside the bento: in it they would stay behind when the next one is built.
    assert list((tmp_path / "petroserve").glob("catalogue.sqlite"))
    assert not list((tmp_path / "bentos").rglob("artefacts"))


def test_no_address_is_served_without_keys_whoever_opened_it(tmp_path: Path) -> None:
    # In a process of its own: a worker is asked about every address that it holds.
    program = """
import socket, sys
from service.bento.worker import application
from service.settings import read_settings

with socket.create_server((sys.argv[1], 0)):
    application(read_settings())
"""
    variables = {"PATH": os.environ["PATH"], "PETROSERVE_ARTEFACTS_FOLDER": str(tmp_path)}

    def ended(host: str, **more: str) -> str:
        return subprocess.run(
            [sys.executable, "-c", program, host], cwd=ROOT, env=variables | more,
            capture_output=True, text=True, check=False, timeout=BUILD_WITHIN_S,
        ).stderr  # fmt: skip

    assert f"{ConfigurationError.__name__}: other machines reach 0.0.0.0" in ended("0.0.0.0")
    assert ended("127.0.0.1") == ""
    assert ended("0.0.0.0", PETROSERVE_OPEN_ACCESS="true") == ""
