"""The service as it is started: BentoML's server, worker processes, a real socket."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import grpc
import httpx
import numpy as np
import psutil
import pytest

from service.proto.analysis_pb2_grpc import AnalysisServiceStub
from tests.grpc_service import upload
from tests.http_service import png
from tests.started import START_WITHIN_S, STOP_WITHIN_S, free_port, started, wait_until_ready
from tests.tiny_model import CODES, paint, write_model

SERVE = """
from service.bento import serve
from service.settings import read_settings

serve(read_settings())
"""
INDICES = np.random.default_rng(3).integers(0, len(CODES), (70, 130))
FIELD = png(paint(INDICES))


def environment(tmp_path: Path, **variables: str) -> dict[str, str]:
    """Only what is stated, and a home in which nothing should appear."""
    (tmp_path / "home").mkdir()
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path / "home"),
        "PETROSERVE_MODELS_FOLDER": str(tmp_path / "models"),
        "PETROSERVE_ARTEFACTS_FOLDER": str(tmp_path / "artefacts"),
        "PETROSERVE_PROVIDER": "cpu",
        "PETROSERVE_THREADS": "1",
        "PETROSERVE_GRPC_PORT": str(free_port()),
        **variables,
    }


def test_nothing_but_the_ports_that_were_asked_for_is_listened_on(tmp_path: Path) -> None:
    write_model(tmp_path / "models")
    log, port = tmp_path / "log.txt", free_port()
    variables = environment(tmp_path, PETROSERVE_HTTP_PORT=str(port))
    with started([sys.executable, "-c", SERVE], variables, log) as process:
        wait_until_ready(f"http://127.0.0.1:{port}", process, log)
        supervisor = psutil.Process(process.pid)
        heard = {
            connection.laddr.port
            for one in (supervisor, *supervisor.children(recursive=True))
            for connection in one.net_connections("inet")
            if connection.status == psutil.CONN_LISTEN
        }
    # By others somebody on the same machine could have the supervisor run what they like.
    assert heard == {port, int(variables["PETROSERVE_GRPC_PORT"])}


def test_two_workers_from_start_to_drain(tmp_path: Path) -> None:
    write_model(tmp_path / "models")
    log = tmp_path / "log.txt"
    port = free_port()
    variables = environment(tmp_path, PETROSERVE_HTTP_PORT=str(port), PETROSERVE_WORKERS="2")
    variables["PETROSERVE_MODELS_RELOAD_S"] = "0"
    with (
        started([sys.executable, "-c", SERVE], variables, log) as process,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=START_WITHIN_S) as client,
    ):
        wait_until_ready(str(client.base_url), process, log)
        locations = [analyse_and_check(port) for _ in range(6)]
        assert len(set(locations)) == 6
        check_that_every_url_is_ours(client)
        check_that_both_workers_reload_at_a_hangup(tmp_path / "models", port, process)
        # Each answer comes from one of two processes and counts what both did.
        counted = 'petroserve_http_requests_total{method="POST",route="/v1/analyses",status="201"}'
        assert f"{counted} 6.0" in client.get("/metrics").text
        check_that_grpc_is_spoken(int(variables["PETROSERVE_GRPC_PORT"]), client)
        check_that_a_begun_upload_is_finished(client, process)
        assert process.wait(STOP_WITHIN_S) == 0, log.read_text()
    assert list((tmp_path / "home").iterdir()) == []
    assert "tiny:1 is warm on cpu" in log.read_text()
    assert "POST '/v1/analyses' 201" in log.read_text()


def analyse_and_check(port: int) -> str:
    """Post over a connection of its own, so that both workers get some."""
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=START_WITHIN_S) as client:
        response = client.post("/v1/analyses", files={"image": ("field.png", FIELD)})
        assert response.status_code == 201, response.text
        location: str = response.headers["location"]
        assert client.get(location).content == response.content
        assert client.get(f"{location}/labels.png").content.startswith(b"\x89PNG")
    return location


def check_that_grpc_is_spoken(port: int, http: httpx.Client) -> None:
    """Over channels of their own, which the two workers share."""
    for _ in range(6):
        with grpc.insecure_channel(
            f"127.0.0.1:{port}", [("grpc.use_local_subchannel_pool", 1)]
        ) as one:
            events = list(
                AnalysisServiceStub(one).Analyse(iter(upload(FIELD)), timeout=START_WITHIN_S)
            )
            location = f"/v1/analyses/{events[-1].finished.analysis_id}"
            assert http.get(location).content == events[-1].finished.result_json


def check_that_every_url_is_ours(client: httpx.Client) -> None:
    assert client.get("/livez").json() == {"status": "alive"}
    assert client.get("/openapi.json").json()["info"]["title"] == "Petroserve"
    assert "https://" not in client.get("/docs").text
    assert "swagger" in client.get("/docs/swagger-ui.css").text
    assert client.get("/").json()["name"] == "petroserve"
    for path in ("/healthz", "/schema.json", "/docs.json", "/unknown"):
        response = client.get(path)
        assert (path, response.status_code) == (path, 404)
        assert response.headers["content-type"] == "application/problem+json"
    metrics = client.get("/metrics").text
    assert "bentoml" not in metrics
    assert "unknown" not in metrics


def check_that_both_workers_reload_at_a_hangup(
    models: Path, port: int, process: subprocess.Popen[bytes]
) -> None:
    write_model(models, version=2)
    process.send_signal(signal.SIGHUP)
    deadline, answers = time.monotonic() + START_WITHIN_S, 0
    # Over connections of their own, so that both workers answer some.
    while answers < 20:
        assert time.monotonic() < deadline
        listed = httpx.get(f"http://127.0.0.1:{port}/v1/models").json()
        assert {one["state"] for one in listed["not_served"]} <= {"loading"}
        answers = answers + 1 if [one["version"] for one in listed["models"]] == [1, 2] else 0


def check_that_a_begun_upload_is_finished(
    client: httpx.Client, process: subprocess.Popen[bytes]
) -> None:
    head = b'--cut\r\nContent-Disposition: form-data; name="image"; filename="f.png"\r\n\r\n'

    def upload() -> Iterator[bytes]:
        yield head + FIELD[:100]
        process.send_signal(signal.SIGTERM)
        yield FIELD[100:] + b"\r\n--cut--\r\n"

    # A connection that has answered before is surely accepted by a worker.
    assert client.get("/livez").status_code == 200
    response = client.post(
        "/v1/analyses",
        content=upload(),
        headers={"Content-Type": "multipart/form-data; boundary=cut"},
    )
    assert response.status_code == 201, response.text


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        (None, "the file was altered"),
        ("WEBHOOK_SECRETS_FILE", "secrets of webhooks"),
        ("AUDIT_FOLDER", "audit"),
        ("GRPC_CERTIFICATE", "PETROSERVE_GRPC_KEY"),
    ],
)
def test_what_cannot_be_served_stops_the_start(
    tmp_path: Path, setting: str | None, words: str
) -> None:
    variables = environment(tmp_path, PETROSERVE_HTTP_PORT=str(free_port()))
    model = write_model(tmp_path / "models") / "model.onnx"
    if setting is None:
        model.write_bytes(b"other")
    else:
        variables[f"PETROSERVE_{setting}"] = str(model)

    ended = subprocess.run(
        [sys.executable, "-c", SERVE],
        env=variables,
        capture_output=True,
        text=True,
        timeout=START_WITHIN_S,
        check=False,
    )

    assert ended.returncode == 1
    assert words in ended.stderr.splitlines()[-1]
    assert "Application startup complete" not in ended.stdout + ended.stderr


def test_a_port_in_use_stops_the_start(tmp_path: Path) -> None:
    write_model(tmp_path / "models")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        variables = environment(tmp_path, PETROSERVE_HTTP_PORT=str(taken.getsockname()[1]))
        ended = subprocess.run(
            [sys.executable, "-c", SERVE],
            env=variables,
            capture_output=True,
            text=True,
            timeout=START_WITHIN_S,
            check=False,
        )

    assert ended.returncode == 1
    assert "cannot listen on 127.0.0.1" in ended.stderr


def test_a_port_of_grpc_in_use_stops_the_start(tmp_path: Path) -> None:
    write_model(tmp_path / "models")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        ended = subprocess.run(
            [sys.executable, "-c", SERVE],
            env=environment(tmp_path, PETROSERVE_GRPC_PORT=port),
            capture_output=True,
            text=True,
            timeout=START_WITHIN_S,
            check=False,
        )

    assert ended.returncode == 1
    assert f"gRPC cannot listen on 127.0.0.1 port {port}" in ended.stderr


def test_bentoml_reports_no_usage() -> None:
    code = (
        "import service.bento\n"
        "from bentoml._internal.utils.analytics.usage_stats import do_not_track\n"
        "assert do_not_track()"
    )
    subprocess.run([sys.executable, "-c", code], env={"PATH": os.environ["PATH"]}, check=True)
