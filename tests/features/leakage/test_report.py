"""What a person and the gate are told."""

from __future__ import annotations

import pytest

from features.errors import GateError
from features.leakage.compare import Difference
from features.leakage.report import LeakageReport, SetReport
from features.leakage.screening import Screened
from features.run import to_json


def report(*differences, **further):
    return LeakageReport((SetReport("ranking", 500, 3, 40, differences, **further),))


LEAK = Difference(
    "spend", "a forged future", 12, 500, "2017-12-18, p1, i3: 5.0 stored, 9.0 rebuilt"
)


def test_a_clean_set_passes():
    clean = report(
        screened_rows=900, suspicious=(Screened("x", 0.97),), overlaps=("windows share 3 days",)
    )
    clean.require_passed()
    assert clean.lines() == [
        "ranking: 500 rows at 3 moments rebuilt without the future and with a forged one, 40 columns: no difference",
        "ranking: warning: 'x' alone tells the label (AUC 0.970 on 900 rows)",
        "ranking: warning: windows share 3 days",
    ]  # fmt: skip
    assert '"passed": true' in to_json(clean.as_json())


def test_a_leak_stops_the_run_and_names_the_column():
    with pytest.raises(GateError) as error:
        report(LEAK).require_passed()
    assert str(error.value) == (
        "leakage: ranking set, column 'spend': 12 of 500 rows change with a forged future "
        "(2017-12-18, p1, i3: 5.0 stored, 9.0 rebuilt); "
        "a feature knows nothing of what happens at or after its row's moment. "
        "Correct the builder of each column named; nothing was written."
    )
    assert error.value.exit_code == 1
    assert "column 'spend' changes with a forged future" in report(LEAK).lines()[1]


def test_many_leaks_are_counted():
    with pytest.raises(GateError, match="; and 2 more;"):
        report(*(LEAK._replace(column=f"x{n}") for n in range(5))).require_passed()
    assert not report(LEAK).as_json()["passed"]
