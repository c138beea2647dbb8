# SPDX-License-Identifier: LGPL-2.1-or-later
"""Manager.GetMetrics and passlockctl metrics: the values after known calls."""

import json
import os
import re
import shutil
import stat

import pytest
from prometheus_client.parser import text_string_to_metric_families

from harness import BusError
from harness.build import source_dir

from .client import IRC, MAIL, NOBODY, WWW_DATA, Connection
from .fleet import Fleet
from .stack import RP_ID, Stack, eventually, new_user, raises
from .test_backup import passlockctl

CALLS = "passlock_calls_total"
ROW = re.compile(r'X\(\w+, "(\w+)", (COUNTER|GAUGE|HISTOGRAM), "([\w ]*)",')
TABLE = {name: (kind.lower(), labels.split())
         for name, kind, labels in ROW.findall((source_dir() / "daemon/metrics/metric.h").read_text())}
API_CALLS = "passlock_api_calls_total"
DURATION = "passlock_api_request_duration_seconds"
CONNECT = "passlock_api_connect_duration_seconds"


class Metrics:
    """The samples of all metrics. Series that do not exist are 0."""

    def __init__(self, connection: Connection):
        self.families, self.samples = {}, {}
        for name, (signature, (kind, text, samples)) in connection.manager("GetMetrics")[0].items():
            assert signature == "(ssa(sa{ss}d))" and text
            self.families[name] = kind
            for suffix, labels, value in samples:
                key = (name + suffix, frozenset(labels.items()))
                assert key not in self.samples, "a duplicate series"
                self.samples[key] = value

    def get(self, name: str, **labels: str) -> float:
        """The sum of the series that have these labels."""
        return sum(value for (sample, its), value in self.samples.items()
                   if sample == name and its >= labels.items())

    def labels(self, name: str, label: str) -> set[str]:
        return {dict(labels)[label] for sample, labels in self.samples if sample == name}


@pytest.fixture
def started(own_stack):
    own_stack.grant("shop", "www-data", "Authorize Exchange Links.Read", RpId=RP_ID)
    own_stack.grant("collector", "mail", "Metrics")
    return own_stack.start()


@pytest.fixture
def reader(started):
    with started.connect() as connection:
        yield connection


def attempt(call, *arguments):
    try:
        return call(*arguments)
    except BusError as error:
        return error


@pytest.mark.root
def test_calls_by_method_outcome_and_grant(started, reader):
    before = Metrics(reader)
    with started.connect(WWW_DATA) as shop, started.connect(NOBODY) as nobody:
        for _ in range(3):
            attempt(shop.links, "GetUser", "unknown")
        shop.authorize(RP_ID, new_user())
        with raises("AccessDenied"):
            shop.authorize("other.example.com", new_user())
        with raises("AccessDenied"):
            shop.links("Add", new_user(), "pk")
        with raises("AccessDenied"):
            nobody.links("GetUser", "unknown")
        reader.links("Add", new_user(), f"pk-{new_user()}")
    metrics = Metrics(reader)
    for count, labels in [
            (3, {"method": "Links.GetUser", "outcome": "NotFound", "decided_by": "grant", "grant": "shop"}),
            (1, {"method": "Tenancy.Authorize", "outcome": "ok", "decided_by": "grant", "grant": "shop"}),
            (1, {"method": "Tenancy.Authorize", "outcome": "AccessDenied", "decided_by": "none", "grant": ""}),
            (1, {"method": "Links.Add", "outcome": "AccessDenied"}),
            (1, {"method": "Links.GetUser", "outcome": "AccessDenied", "decided_by": "none"}),
            (1, {"method": "Links.Add", "outcome": "ok", "decided_by": "root", "grant": ""}),
            (1, {"method": "Manager.GetMetrics", "outcome": "ok"})]:
        assert metrics.get(CALLS, **labels) - before.get(CALLS, **labels) == count, labels
    assert metrics.get("passlock_calls_in_flight") == 0
    assert metrics.get("passlock_links", tenancy="default") == 1
    assert metrics.get("passlock_store_changes_total", outcome="ok") == 1
    assert metrics.get("passlock_store_change_duration_seconds_count") == 1


@pytest.mark.root
def test_right(started):
    """Only the right Metrics gives the metrics, and nothing else."""
    with started.connect(MAIL) as collector, started.connect(WWW_DATA) as shop, started.connect(IRC) as other:
        assert Metrics(collector).get("passlock_build_info") == 1
        with raises("AccessDenied"):
            collector.links("GetUser", "unknown")
        for connection in shop, other:
            with raises("AccessDenied"):
                connection.manager("GetMetrics")


def test_api(started, reader):
    """Requests, their durations, failures and retries."""
    passkey = started.create_passkey()
    reader.exchange(passkey.code)
    metrics = Metrics(reader)
    assert metrics.get(API_CALLS, tenancy="default", request="principal", outcome="ok") == 1
    assert metrics.get(f"{DURATION}_count", request="principal") == 1
    assert metrics.get(f"{DURATION}_bucket", request="principal", le="+Inf") == 1
    assert 0 < metrics.get(f"{DURATION}_sum", request="principal") < 60
    connects, requests = metrics.get(f"{CONNECT}_count"), metrics.get(f"{DURATION}_count")
    assert 1 <= connects <= requests
    assert 0 < metrics.get(f"{CONNECT}_sum", tenancy="default") < metrics.get(f"{DURATION}_sum")
    started_at = metrics.get("passlock_start_time_seconds")
    assert metrics.get("passlock_api_last_success_timestamp_seconds", tenancy="default") >= started_at
    assert metrics.get("passlock_api_key_timestamp_seconds", tenancy="default") >= started_at
    assert metrics.get("passlock_tenancy_state", state="ready") == 1

    with raises("InvalidCode"):
        reader.exchange("cd_unknown")
    started.sandbox.set_faults("status=500@passkey-get")
    with raises("Unreachable"):
        reader.method("GetPasskey", "pk-unknown")
    metrics = Metrics(reader)
    assert metrics.get(API_CALLS, request="principal", outcome="InvalidCode") == 1
    assert metrics.get(API_CALLS, request="passkeys/get", outcome="Unreachable") >= 1
    assert metrics.get("passlock_api_retries_total", request="passkeys/get") >= 1
    assert metrics.get(f"{DURATION}_count", request="passkeys/get") > metrics.get(
        API_CALLS, request="passkeys/get", outcome="Unreachable")
    assert metrics.get("passlock_tenancy_state", state="degraded") == 1
    assert metrics.get("passlock_tenancy_state", state="ready") == 0


def test_key(started, reader):
    """The age of a key begins when it is replaced, and not with a reload."""
    first = Metrics(reader).get("passlock_api_key_timestamp_seconds")
    started.apply()
    assert Metrics(reader).get("passlock_api_key_timestamp_seconds") == first
    started.keys["passlock.default"] = "another-key"
    started.apply()
    assert Metrics(reader).get("passlock_api_key_timestamp_seconds") > first
    del started.keys["passlock.default"]
    started.apply()
    metrics = Metrics(reader)
    assert metrics.get("passlock_api_key_timestamp_seconds") == 0
    assert metrics.get("passlock_tenancy_state", state="unconfigured") == 1


def test_reload(started, reader):
    """Counters survive a reload, a failed one is shown, and a tenancy that is gone has no series."""
    reader.links("Add", new_user(), f"pk-{new_user()}")
    started.create_passkey()
    before = Metrics(reader)
    started.sections["Tenancy other"] = started.tenancy() | {"TenancyId": "otherTenancy"}
    started.apply()
    metrics = Metrics(reader)
    assert metrics.get(CALLS, method="Links.Add", outcome="ok") == before.get(CALLS, method="Links.Add", outcome="ok")
    assert metrics.get(API_CALLS, request="registration/authorize") == 1
    assert metrics.get("passlock_config_reloads_total", outcome="ok") == 1
    assert metrics.labels("passlock_links", "tenancy") == {"default", "other"}
    assert metrics.get("passlock_config_loaded_timestamp_seconds") > before.get(
        "passlock_config_loaded_timestamp_seconds")

    del started.sections["Tenancy other"]
    started.sections["Nonsense"] = {}
    started.daemon.configure(started.sections)
    with raises("InvalidArgs"):
        reader.manager("Reload")
    metrics = Metrics(reader)
    assert metrics.get("passlock_config_reloads_total", outcome="failed") == 1
    assert metrics.get("passlock_config_last_reload_successful") == 0
    assert metrics.labels("passlock_links", "tenancy") == {"default", "other"}

    del started.sections["Nonsense"]
    started.apply()
    metrics = Metrics(reader)
    assert metrics.get("passlock_config_last_reload_successful") == 1
    assert metrics.labels("passlock_links", "tenancy") == {"default"}


@pytest.mark.root
def test_grants_are_bounded(own_stack):
    """With 200 grants, 64 names are labels, and they keep their series when the order changes."""
    for i in range(200):
        own_stack.grant(f"grant-{i:03}", str(10000 + i), "Links.Read")
    own_stack.sections["Grant grant-199"]["User"] = "www-data"
    own_stack.sections["Grant grant-000"]["User"] = "mail"
    own_stack.start()

    def use():
        with own_stack.connect(MAIL) as first, own_stack.connect(WWW_DATA) as last, own_stack.connect() as reader:
            attempt(first.links, "GetUser", "unknown")
            attempt(last.links, "GetUser", "unknown")
            return Metrics(reader)

    assert use().labels(CALLS, "grant") == {"grant-000", "other"}
    own_stack.sections = dict(reversed(own_stack.sections.items()))
    own_stack.apply()
    metrics = use()
    assert metrics.get(CALLS, grant="grant-000") == 2
    assert metrics.get(CALLS, grant="other") == 2


def test_queues(started, reader):
    """A call in flight, and a subscriber."""
    user_id = new_user()
    started.sandbox.set_faults("hang@registration-authorize")
    with started.connect() as caller:
        caller.links("Subscribe")
        serial = caller.start_tenancy("Authorize", RP_ID, user_id, user_id, {})
        eventually(lambda: Metrics(reader).get("passlock_api_calls_in_flight") == 1)
        metrics = Metrics(reader)
        assert metrics.get("passlock_calls_in_flight") == 1
        assert metrics.get("passlock_subscribers") == 1
        assert serial
    eventually(lambda: Metrics(reader).get("passlock_calls_in_flight") == 0)
    metrics = Metrics(reader)
    assert metrics.get(CALLS, method="Tenancy.Authorize", outcome="Canceled") == 1
    assert metrics.get("passlock_subscribers") == 0


def parse(text: str) -> dict:
    """By an independent parser, which is strict. Returns samples by name and labels."""
    families = list(text_string_to_metric_families(text))
    names = [family.name for family in families]
    assert len(set(names)) == len(names)
    assert all(family.documentation and family.type in ("counter", "gauge", "histogram") for family in families)
    samples = {}
    for family in families:
        for sample in family.samples:
            key = (sample.name, frozenset(sample.labels.items()))
            assert key not in samples
            samples[key] = sample.value
    return samples


def check_table(stack: Stack):
    """All metrics of the table are printed, in its order, and samples have its labels."""
    text = passlockctl(stack, "metrics")
    assert re.findall(r"^# TYPE (\w+) (\w+)$", text, re.MULTILINE) == [(name, kind) for name, (kind, _) in TABLE.items()]
    assert re.findall(r"^# HELP (\w+) \S", text, re.MULTILINE) == list(TABLE)
    for name, labels in parse(text):
        kind, expected = TABLE.get(name) or TABLE[name.rpartition("_")[0]]
        assert {label for label, _ in labels} == {*expected, *(["le"] if name.endswith("_bucket") else [])}, (name, kind)


def test_table(started, reader):
    reader.exchange(started.create_passkey().code)
    check_table(started)


def test_dashboard(started):
    """Each name in an expression of the dashboard is printed, as it is or with the suffix of a histogram."""
    dashboard = (source_dir() / "monitoring/grafana-dashboard.json").read_text()
    named = set(re.findall(r"passlock_\w+", dashboard))
    assert len(named) > 30
    printed = set(re.findall(r"^# TYPE (\w+)", passlockctl(started, "metrics"), re.MULTILINE))
    assert {re.sub("_(bucket|sum|count)$", "", name) for name in named} <= printed


def test_text_and_json(started, reader):
    reader.exchange(started.create_passkey().code)
    passlockctl(started, "metrics")  # its call is a series
    expected = Metrics(reader).samples
    parsed = parse(passlockctl(started, "metrics"))
    printed = {(sample["name"], frozenset(sample["labels"].items())): sample["value"]
               for sample in json.loads(passlockctl(started, "metrics", "--json"))}
    assert parsed.keys() == printed.keys() == expected.keys()
    for name in ("passlock_links", API_CALLS, "passlock_start_time_seconds", f"{DURATION}_sum", f"{DURATION}_bucket"):
        for key in expected:
            if key[0] == name:
                assert parsed[key] == printed[key] == expected[key], key


def test_file(started, tmp_path):
    """A file is replaced in one step, and has the mode that the umask gives."""
    file = tmp_path / "passlock.prom"
    file.write_text("old")
    with file.open() as old:
        passlockctl(started, "metrics", str(file), umask=0o027)
        assert old.read() == "old", "the file was changed, not replaced"
    assert parse(file.read_text())
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert os.listdir(tmp_path) == ["passlock.prom"]
    assert "Failed to write" in passlockctl(started, "metrics", str(tmp_path / "none/passlock.prom"), status=1)
    assert "standard output" in passlockctl(started, "metrics", "--json", str(file), status=2)


def states(connection) -> list[str]:
    names = ("starting", "serving", "loading", "restoring", "left", "away", "other-cluster", "revision-went-back")
    return [name for name in names if Metrics(connection).get("passlock_shared_store_state", state=name)]


@pytest.mark.skipif(not shutil.which("etcd"), reason="needs etcd")
def test_fleet():
    """A shared store has its state, lag and outbox; without etcd it is away."""
    with Fleet() as fleet:
        with fleet.hosts[0].connect() as connection:
            connection.links("Add", new_user(), f"pk-{new_user()}")
            metrics = Metrics(connection)
            assert metrics.get("passlock_shared_store_state", state="serving") == 1
            assert metrics.get("passlock_replica_revision") > 0
            assert metrics.get("passlock_shared_store_outbox_links") == 0
            assert metrics.get("passlock_shared_store_away_timestamp_seconds") == 0
            check_table(fleet.hosts[0])
            assert states(connection) == ["serving"]
            fleet.etcd.kill9()
            eventually(lambda: Metrics(connection).get("passlock_shared_store_state", state="away") == 1)
            lag = Metrics(connection).get("passlock_replica_lag_seconds")
            eventually(lambda: Metrics(connection).get("passlock_replica_lag_seconds") > lag)
            assert Metrics(connection).get("passlock_shared_store_away_timestamp_seconds") > 0
            connection.manager("LeaveStore", {"apply": ("b", True)})
            assert states(connection) == ["left"]
