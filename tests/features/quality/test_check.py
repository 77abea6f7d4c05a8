"""A check has an owner, and a report with a failed gate stops and says who acts."""

import json
from datetime import UTC, datetime

import pytest

from features.config import validate
from features.errors import ConfigError, GateError
from features.quality.check import Detail, Point, QualityCheck, QualityReport, not_available
from features.quality.config import QualityConfig

GOOD = QualityCheck("ids", "merchandising", "pass", "all match", figure=1.0, threshold=0.9)
BAD = QualityCheck("pages", "marketing operations", "fail", "half are wrong", "Mend the tag.")
WORSE = QualityCheck("orders", "analytics", "fail", "all are wrong", "Mend the orders.")


def report(*checks):
    return QualityReport(datetime(2026, 3, 2, tzinfo=UTC), events=7, events_later=2, checks=checks)


def test_gates_that_say_no_are_named_with_their_owners_and_what_to_do():
    with pytest.raises(GateError) as caught:
        report(GOOD, BAD, WORSE).require()
    assert str(caught.value) == (
        "data quality: pages (marketing operations): half are wrong; orders (analytics): all are wrong; training and "
        "scoring need these gates to pass. Mend the tag.\nMend the orders."
    )
    assert caught.value.exit_code == 1


@pytest.mark.parametrize("status", ["pass", "warn", "alert", "not_available"])
def test_only_a_failed_gate_stops(status):
    report(QualityCheck("x", "analytics", status, "words")).require()


def test_a_check_without_owner_is_a_config_error():
    with pytest.raises(ConfigError, match=r"quality check 'x': has no owner; every check names"):
        QualityCheck("x", " ", "pass", "words")


@pytest.mark.parametrize(
    "key",
    [
        "funnel.owner",
        "funnel.view_owner",
        "misfires.owner",
        "id_match.owner",
        "id_match.drift_owner",
        "coverage.owner",
        "traffic.owner",
        "traffic.duplicates_owner",
        "segment_size.owner",
    ],
)
@pytest.mark.parametrize(("owner", "message"), [(" ", "needs an owner"), (None, "valid string")])
def test_no_check_can_be_configured_without_owner(key, owner, message):
    group, field = key.split(".")
    with pytest.raises(ConfigError, match=rf"quality\.yaml: '{key}': .*{message}"):
        validate(QualityConfig, {group: {field: owner}}, subject="quality.yaml")


def test_plain_values_for_a_json_file():
    check = QualityCheck(
        "ids", "merchandising", "warn", "words", figure=0.5,
        details=(Detail("By day", ({"day": "2026-03-02", "n": 3},)),),
        series=(Point("all", "2026-03-02", None),),
    )  # fmt: skip
    found = json.loads(json.dumps(report(check, not_available("x", "analytics", "no")).as_json()))
    assert found["counts"] == {"fail": 0, "alert": 0, "warn": 1, "not_available": 1, "pass": 0}
    assert (found["as_of"], found["events"], found["events_later"]) == (
        "2026-03-02T00:00:00+00:00",
        7,
        2,
    )
    first, second = found["checks"]
    assert first["details"] == [
        {"title": "By day", "columns": ["day", "n"], "rows": [{"day": "2026-03-02", "n": 3}]}
    ]
    assert first["series"] == [{"line": "all", "day": "2026-03-02", "value": None}]
    assert (second["status"], second["figure"]) == ("not_available", None)


def test_a_check_is_found_by_name():
    assert report(GOOD, BAD)["pages"] is BAD
