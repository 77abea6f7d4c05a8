"""The table of limits: read by key, dated, and never surer than its source."""

from datetime import date

import pytest

from features.catalog.limits import FIELDS, LIMITS_FILE, MARKS, Severity, read_limits
from features.errors import ConfigError

HEADER = ",".join(FIELDS)
ROW = "google_merchant,item,id,50,characters,error,https://example.com,C,,"


def write(tmp_path, *rows, first="# compiled 2026-01-02"):
    path = tmp_path / "limits.csv"
    path.write_text("\n".join([first, HEADER, *rows]) + "\n", encoding="utf-8")
    return path


def test_a_limit_is_read_by_key():
    limit = read_limits()["meta.feed.line.bytes"]
    assert limit.limit == 5 * 1024 * 1024
    assert limit.severity is Severity.ERROR
    assert limit.source.startswith("https://developers.facebook.com/")


@pytest.mark.parametrize(
    ("mark", "checked", "severity"),
    [
        ("C", ",", Severity.ERROR),
        ("C*", ",", Severity.ERROR),
        ("P", ",", Severity.ERROR),
        ("S", ",", Severity.WARNING),
        ("C/S", ",", Severity.WARNING),
        ("U", ",", Severity.WARNING),
        ("U", "2026-01-01,notes", Severity.WARNING),
        ("S", "2026-01-01,copy", Severity.WARNING),
        ("U", "2026-01-01,page", Severity.ERROR),
    ],
)
def test_a_doubtful_limit_warns_until_somebody_checks_the_live_page(
    tmp_path, mark, checked, severity
):
    path = write(tmp_path, f"meta,item,id,100,characters,error,,{mark},{checked}")
    assert read_limits(path)["meta.item.id.characters"].severity is severity


def test_doubt_never_raises_advice_to_a_warning(tmp_path):
    path = write(tmp_path, "meta,item,id,100,characters,advice,,U,,")
    assert read_limits(path)["meta.item.id.characters"].severity is Severity.ADVICE


def test_no_row_without_a_source_is_an_error():
    unsourced = [limit for limit in read_limits().values() if not limit.source]
    assert unsourced
    assert all(limit.severity is not Severity.ERROR for limit in unsourced)


def test_every_row_states_a_known_mark_and_a_positive_limit():
    for limit in read_limits().values():
        assert limit.mark in MARKS
        assert limit.limit > 0


def test_every_row_says_when_it_was_compared_with_what():
    limits = read_limits()
    assert all(limit.date_checked == limits.compiled for limit in limits.values())
    assert str(limits["google_merchant.item.title.characters"]) == (
        "google_merchant.item.title.characters 150, mark S, checked 2026-11-22 against our notes on the vendor's format"
    )


def test_a_limit_nobody_compared_says_so(tmp_path):
    limit = read_limits(write(tmp_path, ROW))["google_merchant.item.id.characters"]
    assert str(limit) == "google_merchant.item.id.characters 50, mark C, never checked"


def test_limits_of_one_object_by_field():
    lengths = read_limits().under("google_merchant.item", unit="characters")
    assert lengths["id"].limit == 50
    assert lengths["title"].severity is Severity.WARNING
    assert "additional_image_link" not in lengths


def test_the_file_names_its_date_and_its_content(tmp_path):
    one, other = read_limits(write(tmp_path, ROW)), read_limits(LIMITS_FILE)
    assert one.compiled == date(2026, 1, 2)
    assert one.version != other.version
    assert list(one) == ["google_merchant.item.id.characters"]


def test_an_unknown_key_names_the_nearest():
    with pytest.raises(ConfigError, match=r"Did you mean 'meta\.feed\.line\.bytes'\?"):
        read_limits()["meta.feed.lines.bytes"]


@pytest.mark.parametrize(
    ("rows", "first", "message"),
    [
        pytest.param([ROW], "# no date", "line 1 does not say", id="undated"),
        pytest.param([ROW, ROW], "# compiled 2026-01-02", "line 4: .* stands there twice", id="twice"),
        pytest.param([ROW.replace("50", "fifty")], "# compiled 2026-01-02", "line 3: invalid", id="number"),
        pytest.param([ROW.replace(",C,", ",X,")], "# compiled 2026-01-02", "unknown mark 'X'", id="mark"),
        pytest.param([ROW.replace("error", "fatal")], "# compiled 2026-01-02", "line 3: 'fatal'", id="severity"),
        pytest.param([f"{ROW[:-1]}2026-01-01,"], "# compiled 2026-01-02", "line 3: compared on 2026-01-01 with nothing", id="against nothing"),
        pytest.param([f"{ROW}page"], "# compiled 2026-01-02", "line 3: compared on no day with page", id="no day"),
        pytest.param([f"{ROW[:-1]}2026-01-01,hearsay"], "# compiled 2026-01-02", "one of notes, copy, page", id="against hearsay"),
        pytest.param([f"{ROW[:-1]}2026-01-03,page"], "# compiled 2026-01-02", "after the table was compiled", id="later"),
        pytest.param([f"{ROW[:-1]}2026-01-32,page"], "# compiled 2026-01-02", "line 3: ", id="no such day"),
        pytest.param([ROW], "# compiled 2026-13-02", "line 1: ", id="no such month"),
        pytest.param(["meta,item"], "# compiled 2026-01-02", "its columns are not", id="short"),
    ],
)  # fmt: skip
def test_a_broken_table_names_its_line(tmp_path, rows, first, message):
    with pytest.raises(ConfigError, match=message):
        read_limits(write(tmp_path, *rows, first=first))


def test_a_missing_table_is_a_config_error(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read"):
        read_limits(tmp_path / "none.csv")
