# SPDX-License-Identifier: LGPL-2.1-or-later
"""The table of metrics, and what refers to it: the manual page, the dashboard and the alerts in doc/admin.md."""

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROW = re.compile(r'X\(\w+, "(\w+)", (COUNTER|GAUGE|HISTOGRAM), "([\w ]*)",')
TABLE = {name: (kind.lower(), set(labels.split()))
         for name, kind, labels in ROW.findall((ROOT / "daemon/metrics/metric.h").read_text())}
# By the collector.
TARGET_LABELS = {"instance"}
DASHBOARD = json.loads((ROOT / "monitoring/grafana-dashboard.json").read_text())

SELECTOR = re.compile(r"\b(passlock_\w+)(?:\{([^}]*)\})?")
GROUPING = re.compile(r"\bby \(([\w, ]+)\)")
MATCHER = re.compile(r'\s*(\w+)\s*(?:=~|!~|!=|=)\s*"[^"]*"\s*(?:,|$)')


def series() -> dict[str, set[str]]:
    """The labels of each name that passlockctl metrics prints: tests/bus/test_metrics.py compares the two."""
    found = {}
    for name, (kind, labels) in TABLE.items():
        if kind == "histogram":
            found |= {f"{name}_bucket": labels | {"le"}, f"{name}_sum": labels, f"{name}_count": labels}
        else:
            found[name] = labels
    return found


def expressions() -> list[str]:
    targets = [target["expr"] for panel in DASHBOARD["panels"] for target in panel.get("targets", [])]
    alerts = re.findall(r"^\| [^|]+ \| `([^`]*passlock_[^`]*)` \|$", (ROOT / "doc/admin.md").read_text(), re.MULTILINE)
    page = (ROOT / "doc/man/passlock-metrics.7.in").read_text()
    examples = re.findall(r"^\.Bd -literal -offset indent\n([^.].*?)^\.Ed", page.partition(".Sh EXAMPLES")[2], re.MULTILINE | re.DOTALL)
    assert len(targets) > 30 and len(alerts) > 5 and len(examples) == 2
    return [*targets, *alerts, *examples, *(each["expr"] for each in DASHBOARD["annotations"]["list"])]


def test_table():
    assert len(TABLE) > 40
    for name, (kind, labels) in TABLE.items():
        assert name.startswith("passlock_")
        assert (kind == "counter") == name.endswith("_total"), name
        assert kind != "histogram" or name.endswith("_seconds")
        assert len(labels) <= 4 and "le" not in labels


@pytest.mark.parametrize("expression", expressions())
def test_expressions(expression):
    """Each name exists and has the labels, brackets match, rates are of counters, and quantiles of buckets."""
    known = series()
    for opening, closing in "()", "[]", "{}":
        assert expression.count(opening) == expression.count(closing)
    selected = SELECTOR.findall(expression)
    assert selected or "node_" in expression
    labels = set(TARGET_LABELS)
    for name, matchers in selected:
        assert name in known, name
        assert MATCHER.sub("", matchers) == "", f"cannot parse {{{matchers}}}"
        assert {label for label in MATCHER.findall(matchers)} <= known[name] | TARGET_LABELS, expression
        labels |= known[name]
    for group in GROUPING.findall(expression):
        assert set(group.split(", ")) <= labels, expression
    for name in re.findall(r"\b(?:rate|increase)\((\w+)", expression):
        assert re.search("_(total|bucket|sum|count)$", name), f"{name} is no counter"
    for name in re.findall(r"histogram_quantile\(.*\b(?:rate)\((\w+)", expression):
        assert name.endswith("_bucket") and "le" in expression


def test_legends():
    """The labels of a legend are those that the expression leaves."""
    for panel in DASHBOARD["panels"]:
        for target in panel.get("targets", []):
            shown = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
            grouped = GROUPING.findall(target["expr"])
            left = set(grouped[0].split(", ")) if grouped else set().union(
                *(series()[name] | TARGET_LABELS for name, _ in SELECTOR.findall(target["expr"])))
            assert shown <= left, target["expr"]


def test_variables():
    queries = [each["query"]["query"] for each in DASHBOARD["templating"]["list"] if each["type"] == "query"]
    assert queries
    for query in queries:
        name, label = re.fullmatch(r"label_values\((\w+), (\w+)\)", query).groups()
        assert label in series()[name] | TARGET_LABELS


def test_every_metric_is_on_the_dashboard():
    """But for those that others imply."""
    text = json.dumps(DASHBOARD)
    assert {name for name in TABLE if name not in text} == {
        "passlock_config_reloads_total", "passlock_config_loaded_timestamp_seconds", "passlock_audit_records_total",
        "passlock_shared_store_away_timestamp_seconds", "passlock_replica_revision", "passlock_cluster_revision"}


def test_panels_do_not_overlap():
    taken = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        cells = {(x, y) for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + place["h"])}
        assert not cells & taken, panel["title"]
        assert place["x"] + place["w"] <= 24
        taken |= cells
