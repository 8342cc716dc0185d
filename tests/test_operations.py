"""What operators get: the page, the dashboard, the rules and the alerts fit the metrics."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml

from service.engine.observing import KINDS_OF_DEGRADATION
from service.logs import FIELDS
from service.scraping import Gpus
from service.telemetry import Telemetry
from tests.service.test_scraping import FakeNvml

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
PROMETHEUS = ROOT / "deploy" / "prometheus"
DASHBOARD = json.loads((ROOT / "deploy" / "grafana" / "petroserve.json").read_text("utf-8"))
# Written by Prometheus itself, with the labels that it gives to every series of ours.
OF_PROMETHEUS = {"up": {"job", "instance"}, "ALERTS": {"alertname", "alertstate"}}
OF_TARGETS = {"job", "instance"}


def metrics() -> dict[str, tuple[str, tuple[str, ...], str]]:
    """Type, labels and meaning of every metric that there is."""
    telemetry = Telemetry(gpus=Gpus(FakeNvml))
    telemetry.jobs.ask(dict)
    telemetry.webhooks.ask(dict)
    found = {}
    for metric in telemetry.families():
        shown = sorted({name for sample in metric.samples for name in sample.labels})
        name = metric.name + ("_total" if metric.type == "counter" else "")
        labels = telemetry.labels.get(metric.name, tuple(shown))
        found[name] = (metric.type, labels, metric.documentation)
    return found


def series() -> dict[str, set[str]]:
    """Names of all series with their labels, those that rules record as well."""
    known = dict(OF_PROMETHEUS)
    for name, (kind, labels, _) in metrics().items():
        ends = ("_bucket", "_sum", "_count") if kind == "histogram" else ("",)
        for end in ends:
            known[name + end] = {*labels, *OF_TARGETS, *({"le"} if end == "_bucket" else ())}
    for rule in rules("rules.yaml"):
        known[rule["record"]] = labels_left_by(rule["expr"])
    return known


def labels_left_by(expression: str) -> set[str]:
    grouped = re.findall(r"\bby \(([^)]*)\)", expression)
    return {label.strip() for group in grouped for label in group.split(",")}


def rules(name: str) -> list[dict[str, Any]]:
    document = yaml.safe_load((PROMETHEUS / name).read_text("utf-8"))
    return [rule for group in document["groups"] for rule in group["rules"]]


def dashboard_expressions() -> Iterator[str]:
    for panel in DASHBOARD["panels"]:
        for target in panel.get("targets", ()):
            yield target["expr"].replace("$__rate_interval", "5m").replace("$instance", "a")
    for annotation in DASHBOARD["annotations"]["list"]:
        yield annotation["expr"]


def expressions() -> list[str]:
    recorded = [rule["expr"] for name in ("rules.yaml", "alerts.yaml") for rule in rules(name)]
    return [*recorded, *dashboard_expressions()]


def selectors(expression: str) -> list[promql_parser.VectorSelector]:
    """Every selection of series in an expression, those over time as well."""
    found: list[promql_parser.VectorSelector] = []

    def visit(node: promql_parser.Expr) -> None:
        if isinstance(node, promql_parser.VectorSelector):
            found.append(node)

    promql_parser.walk(promql_parser.parse(expression), visit)
    return found


def test_the_page_lists_every_metric_as_it_is() -> None:
    rows = [
        f"| `{name}` | {kind} | {', '.join(f'`{one}`' for one in labels)} | {what} |"
        for name, (kind, labels, what) in sorted(metrics().items())
    ]
    listed = [line for line in PAGE.splitlines() if line.startswith("| `petroserve_")]
    assert listed == rows


@pytest.mark.parametrize("expression", expressions())
def test_what_is_asked_of_prometheus_exists(expression: str) -> None:
    known = series()
    asked = selectors(expression)
    assert asked
    for one in asked:
        assert one.name in known
        matched = {matcher.name for matcher in one.matchers.matchers}
        assert matched <= known[one.name], f"{one.name} has no such label"
    inputs = set().union(*(known[one.name] for one in asked if one.name is not None))
    assert labels_left_by(expression) <= inputs


def test_an_unknown_metric_would_be_noticed() -> None:
    (one,) = selectors("rate(petroserve_invented_total[5m])")
    assert one.name not in series()


def test_the_dashboard_shows_every_part() -> None:
    rows = {panel["title"] for panel in DASHBOARD["panels"] if panel["type"] == "row"}
    assert rows >= {"Traffic", "Errors", "Latency", "Queue and tiles", "Input drift"}
    assert rows >= {"Jobs and webhooks", "Process", "GPU"}
    numbers = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(numbers) == len(set(numbers))
    taken = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        cells = {
            (place["x"] + column, place["y"] + row)
            for column in range(place["w"])
            for row in range(place["h"])
        }
        assert not cells & taken, f"{panel['title']} lies over another panel"
        taken |= cells


def test_every_alert_has_its_entry_and_links_to_it() -> None:
    names = [rule["alert"] for rule in rules("alerts.yaml")]
    assert re.findall(r"^### (Petroserve\w+)$", PAGE, re.MULTILINE) == names
    for rule in rules("alerts.yaml"):
        anchor = f"docs/operations.md#{rule['alert'].lower()}"
        assert rule["annotations"]["runbook"] == anchor
        assert rule["labels"]["severity"] in {"warning", "critical"}


def test_the_page_names_every_field_of_the_log_and_every_kind_of_degradation() -> None:
    for name in (*FIELDS, *KINDS_OF_DEGRADATION):
        assert f"`{name}`" in PAGE


PROMTOOL = shutil.which("promtool")


@pytest.mark.skipif(PROMTOOL is None, reason="promtool (Debian: prometheus) is not installed")
@pytest.mark.parametrize(
    "words",
    [
        ("check", "config", "prometheus.yaml"),
        ("check", "rules", "rules.yaml", "alerts.yaml"),
        ("test", "rules", "tests/alerts_test.yaml"),
    ],
    ids=["configuration", "rules", "alerts"],
)
def test_promtool_agrees(words: tuple[str, ...]) -> None:
    assert PROMTOOL is not None
    done = subprocess.run(
        [PROMTOOL, *words], cwd=PROMETHEUS, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
