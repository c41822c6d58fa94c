"""The closed list of metrics: what is told, and that documents, rules and dashboard name what there is."""

import json
import re
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families

from domain.errors import CpuTimeExceeded, MailboxFailure, StorageError, WallTimeExceeded, WorkerCrashed
from storage import outbox
from storage.figures import Figures, FolderFigures, ProviderFigures, QuarantineFigures
from web.metrics import METRICS, MOST_PROVIDERS, PREFIX, Folder, Latest, Metrics, Sources

ROOT = Path(__file__).parents[3]
RULES = ROOT / "packaging" / "prometheus" / "maintd.rules.yml"
DASHBOARD = ROOT / "packaging" / "grafana" / "maintd.json"
PAGE = ROOT / "docs" / "metrics.md"

NOW = datetime(2027, 3, 1, 12, tzinfo=UTC)
DECLARED = {PREFIX + one.name: one for one in METRICS}


def hours_ago(hours: float) -> datetime:
    return NOW - timedelta(hours=hours)


def build_figures(**facts: Any) -> Figures:
    values: dict[str, Any] = {
        "folders": [
            FolderFigures(
                mailbox="noc", folder="INBOX", last_success_at=hours_ago(1), error=None, waiting_since=hours_ago(2)
            )
        ],
        "providers": [
            ProviderFigures(provider="zayo", messages={"applied": 7, "received": 2}, last_received_at=hours_ago(3)),
            ProviderFigures(provider=None, messages={"quarantined": 4}, last_received_at=hours_ago(4)),
        ],
        "quarantine": [QuarantineFigures(reason="unparsed", messages=4, oldest_at=hours_ago(30))],
        "waiting_since": hours_ago(2),
        "events": {("maintenance", "CONFIRMED", "upcoming"): 5},
        "outbox": outbox.Figures(due=3, failed=1, parked=2, to_compare=9, oldest_at=hours_ago(1)),
        "netbox_problem": "the token is refused",
        "daemons": [],
        "holders": {},
        "database_bytes": 4096,
        **facts,
    }
    return Figures(**values)


def build_folder(**facts: Any) -> Folder:
    values: dict[str, Any] = {
        "mailbox": "noc",
        "folder": "INBOX",
        "by": "idle",
        "expected_seconds": 540.0,
        "failures": {},
        **facts,
    }
    return Folder(**values)


def build_metrics(**facts: Any) -> Metrics:
    values: dict[str, Any] = {
        "version": "1.2.3",
        "dialect": "sqlite",
        "python": "3.11.7",
        "silent_after": {"zayo": 86_400.0},
        "now": lambda: NOW,
        "clock": lambda: 0.0,
        "folders": lambda: [build_folder()],
        "stuck": list,
        "figures": build_figures,
        **facts,
    }
    return Metrics(Sources(**values))


def told(metrics: Metrics) -> dict[str, dict[tuple[str, ...], float]]:
    """Return the values of all samples, by name and labels, in the order of the declaration."""
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in text_string_to_metric_families(metrics.text("")[0].decode()):
        for sample in family.samples:
            declared = DECLARED.get(sample.name)
            names = declared.labels if declared else sorted(sample.labels)
            found.setdefault(sample.name, {})[tuple(sample.labels[name] for name in names)] = sample.value
    return found


# --- what is told -----------------------------------------------------------------------------------------------


def test_every_metric_that_is_declared_is_told_and_no_other():
    families = list(text_string_to_metric_families(build_metrics().text("")[0].decode()))

    # The text format tells counters without their ending.
    kinds = {family.name + ("_total" if family.type == "counter" else ""): family.type for family in families}
    assert kinds == {name: one.kind for name, one in DECLARED.items()}
    labels = {
        (sample.name, tuple(sorted(sample.labels)))
        for family in families
        for sample in family.samples
        if sample.name in DECLARED
    }
    assert labels == {(name, tuple(sorted(one.labels))) for name, one in DECLARED.items() if one.kind != "histogram"}


def test_what_stands_in_the_database_is_told_as_it_is():
    found = told(build_metrics())

    assert found["maintd_messages"] == {
        ("applied", "zayo"): 7,
        ("received", "zayo"): 2,
        ("quarantined", "(unknown)"): 4,
    }
    expected = {
        "maintd_database_up": 1,
        "maintd_messages_waiting": 2,
        "maintd_messages_waiting_oldest_seconds": 7200,
        "maintd_outbox_due": 3,
        "maintd_outbox_failed": 1,
        "maintd_outbox_parked": 2,
        "maintd_outbox_to_compare": 9,
        "maintd_outbox_oldest_seconds": 3600,
        "maintd_netbox_left_alone": 1,
        "maintd_database_bytes": 4096,
    }
    assert {name: found[name][()] for name in expected} == expected
    assert found["maintd_folder_lag_seconds"] == {("noc", "INBOX"): 7200}
    assert found["maintd_quarantine_messages"][("unparsed",)] == 4
    assert found["maintd_quarantine_messages"][("invalid",)] == 0
    assert found["maintd_quarantine_oldest_timestamp_seconds"] == {("unparsed",): hours_ago(30).timestamp()}
    assert found["maintd_provider_last_message_timestamp_seconds"] == {("zayo",): hours_ago(3).timestamp()}
    assert found["maintd_events"] == {("maintenance", "CONFIRMED", "upcoming"): 5}


def test_a_folder_tells_how_it_is_watched_and_how_it_fails():
    one = build_folder(by="elsewhere", failing_since=hours_ago(0.5), failures={MailboxFailure.REFUSED: 3}, withheld=2)

    found = told(build_metrics(folders=lambda: [one]))

    ways = {labels[2]: value for labels, value in found["maintd_folder_watched"].items()}
    assert ways == {"idle": 0, "poll": 0, "elsewhere": 1, "none": 0}
    assert found["maintd_folder_failing_seconds"] == {("noc", "INBOX"): 1800}
    failures = {labels[2]: value for labels, value in found["maintd_folder_failures_total"].items()}
    assert failures == {kind.value: 3 if kind is MailboxFailure.REFUSED else 0 for kind in MailboxFailure}
    assert found["maintd_folder_withheld_messages"] == {("noc", "INBOX"): 2}


@pytest.mark.parametrize(("own", "last"), [(None, 1), (hours_ago(0.5), 0.5), (hours_ago(2), 1)])
def test_the_last_success_is_the_latest_whoever_had_it(own, last):
    found = told(build_metrics(folders=lambda: [build_folder(last_success_at=own)]))

    assert found["maintd_folder_last_success_timestamp_seconds"] == {("noc", "INBOX"): hours_ago(last).timestamp()}


def test_a_folder_that_was_never_read_has_no_last_success():
    found = told(build_metrics(folders=lambda: [build_folder(folder="New")]))

    assert "maintd_folder_last_success_timestamp_seconds" not in found


def test_whoever_names_many_providers_makes_no_more_series_than_there_may_be():
    many = [
        ProviderFigures(provider=f"p{number}", messages={"applied": 1}, last_received_at=NOW)
        for number in range(MOST_PROVIDERS + 50)
    ]

    found = told(build_metrics(figures=lambda: build_figures(providers=many)))

    assert len(found["maintd_messages"]) == MOST_PROVIDERS + 1
    assert found["maintd_messages"]["applied", "(others)"] == 50
    assert len(found["maintd_provider_last_message_timestamp_seconds"]) == MOST_PROVIDERS


def test_what_was_read_and_which_workers_failed_is_counted():
    metrics = build_metrics()

    for seconds in (0.003, 0.2, 40.0):
        metrics.read(seconds)
    for error in (WorkerCrashed("x"), CpuTimeExceeded("x"), CpuTimeExceeded("x"), WallTimeExceeded("x")):
        metrics.failed(error)

    found = told(metrics)
    assert found["maintd_parse_seconds_bucket"][("0.005",)] == 1
    assert found["maintd_parse_seconds_bucket"][("30.0",)] == 2
    assert found["maintd_parse_seconds_count"] == {(): 3}
    assert found["maintd_worker_failures_total"] == {("crashed",): 1, ("cpu_time",): 2, ("wall_time",): 1}


def test_who_asks_for_openmetrics_gets_it():
    body, content_type = build_metrics().text("application/openmetrics-text;version=1.0.0")

    assert content_type.startswith("application/openmetrics-text; version=1.0.0")
    names = {family.name for family in openmetrics.text_string_to_metric_families(body.decode())}
    assert {"maintd_database_up", "maintd_parse_seconds", "maintd_folder_failures"} <= names


# --- a database that is away ------------------------------------------------------------------------------------


def test_while_the_database_is_away_what_the_process_knows_is_told():
    def away() -> Figures:
        raise StorageError("gone")

    found = told(build_metrics(figures=away, folders=lambda: [build_folder(last_success_at=NOW)]))

    assert found["maintd_database_up"] == {(): 0}
    assert found["maintd_folder_last_success_timestamp_seconds"] == {("noc", "INBOX"): NOW.timestamp()}
    assert found["maintd_provider_silent_after_seconds"] == {("zayo",): 86_400}
    assert {"maintd_messages", "maintd_outbox_due", "maintd_events"} & found.keys() == set()


def test_a_database_that_does_not_answer_is_asked_by_one_thread_and_nobody_waits_for_long():
    asked, answer = [], threading.Event()

    def hang() -> str:
        asked.append(1)
        answer.wait(30)
        return "at last"

    latest = Latest(hang, lambda: 0.0, patience_seconds=0.05)
    try:
        assert [latest.get() for _ in range(3)] == [None, None, None]
        assert asked == [1]
    finally:
        answer.set()


def test_two_who_ask_within_some_seconds_cost_one_look():
    asked, clock = [], [0.0]

    def read() -> int:
        asked.append(1)
        return len(asked)

    latest = Latest(read, lambda: clock[0])

    first, second = latest.get(), latest.get()
    clock[0] = 60.0

    assert (first, second, latest.get()) == (1, 1, 2)


def test_a_fault_is_not_taken_for_a_database_that_is_away():
    latest = Latest(lambda: 1 // 0, lambda: 0.0)

    with pytest.raises(ZeroDivisionError):
        latest.get()


# --- who names metrics ------------------------------------------------------------------------------------------


def test_the_document_names_every_metric_with_its_kind_and_labels_and_no_other():
    rows = re.findall(r"(?m)^\| `(maintd_\w+)` \| (\w+) \| (.*?) \| (.*?) \|", PAGE.read_text(encoding="utf-8"))

    told_of = {(name, kind, tuple(re.findall(r"`(\w+)`", labels)), says) for name, kind, labels, says in rows}

    assert told_of == {(name, one.kind, one.labels, one.says) for name, one in DECLARED.items()}


def test_the_document_names_every_alert_and_no_other():
    named = re.findall(r"(?m)^\| `(Maintd\w+)` \|", PAGE.read_text(encoding="utf-8"))

    assert named == re.findall(r"- alert: (\w+)", RULES.read_text(encoding="utf-8"))


def expressions() -> Iterator[str]:
    """Yield what the rules, and the panels of the dashboard, ask for."""
    for rule in RULES.read_text(encoding="utf-8").split("- alert: ")[1:]:
        yield rule.partition("expr:")[2].partition("labels: {severity")[0]
    dashboard = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    for panel in dashboard["panels"]:
        for target in panel.get("targets", ()):
            yield target["expr"]


# What a scrape itself adds.
ADDED = {"instance", "job", "alertname"}


def test_every_metric_and_every_label_that_rules_and_dashboard_name_exists():
    series = set(DECLARED) | {f"maintd_parse_seconds_{part}" for part in ("bucket", "sum", "count")} | {"up"}
    asked = list(expressions())

    named = {name for one in asked for name in re.findall(r"\bmaintd_\w+", one)}
    labels = {
        label
        for one in asked
        for group in re.findall(r"\b(?:by|without|on) \(([^)]*)\)", one) + re.findall(r"\{([^}]*)\}", one)
        for label in re.findall(r"(\w+)(?=\s*(?:=|!|,|$))", re.sub(r'"[^"]*"', "", group))
    }

    assert len(asked) > 40
    assert named - series == set()
    assert labels - ADDED - {label for one in METRICS for label in one.labels} - {"le"} == set()


def test_each_label_of_a_selection_is_one_of_that_metric():
    wrong = [
        (name, label)
        for one in expressions()
        for name, chosen in re.findall(r"\b(maintd_\w+)\{([^}]*)\}", one)
        for label in re.findall(r"(\w+)\s*[=!]", chosen)
        if name in DECLARED and label not in {*DECLARED[name].labels, *ADDED}
    ]

    assert wrong == []


def test_every_alert_says_what_is_the_matter_and_what_to_type():
    rules = RULES.read_text(encoding="utf-8").split("- alert: ")[1:]

    assert len(rules) == 14
    for rule in rules:
        assert re.search(r"severity: (critical|warning)", rule)
        assert "summary: " in rule
        assert re.search(r"description: >-\n.*`", rule, re.DOTALL), rule


def test_the_dashboard_asks_a_data_source_that_is_chosen():
    dashboard = json.loads(DASHBOARD.read_text(encoding="utf-8"))

    assert [one["name"] for one in dashboard["templating"]["list"] if one["type"] == "datasource"] == ["datasource"]
    panels = [one for one in dashboard["panels"] if one["type"] != "row"]
    assert {json.dumps(one["datasource"]) for one in panels} == {'{"type": "prometheus", "uid": "${datasource}"}'}
    assert len({one["id"] for one in dashboard["panels"]}) == len(dashboard["panels"])


def test_each_alert_is_seen_firing():
    fired = re.findall(r'alertname="(\w+)"', (RULES.parent / "maintd.rules.test.yml").read_text(encoding="utf-8"))

    assert set(re.findall(r"- alert: (\w+)", RULES.read_text(encoding="utf-8"))) == set(fired)
