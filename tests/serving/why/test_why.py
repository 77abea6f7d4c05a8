"""Why: a contacted, an excluded and a held-out person, an erased and an unknown one, and items, in words."""

from __future__ import annotations

import shutil

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from features import columns as c
from features.erasure.tombstones import Tombstones, write_tombstones
from features.errors import ConfigError, InputError
from features.project import Project
from features.steps.ingest import INGEST
from features.tables import CATALOG, DECISIONS
from serving.cli import app
from serving.config import CampaignConfig
from serving.score import SCORE, score
from serving.why.ask import why_lines
from serving.why.rules import ago


@pytest.fixture(scope="module")
def decisions(finished_project):
    rows = Project(finished_project).workspace.current(SCORE).read(DECISIONS).to_pandas()
    return rows[rows[c.RANK] == 1].set_index(c.PERSON_ID)


def told(folder, decisions, reason):
    """What is said of the first person with a reason."""
    person = decisions.index[decisions[c.REASON_CODES].str.startswith(reason)][0]
    return why_lines(folder, person=person, item=None), decisions.loc[person]


def line(lines, start):
    return next(text.strip() for text in lines if text.strip().startswith(start))


def test_a_contacted_person(finished_project, decisions):
    lines, row = told(finished_project, decisions, "contacted")
    assert lines[1] == "CONTACT: the policy chose this person."
    assert "REMOVED" not in "\n".join(lines)
    assert "agreed to personalised advertising on 2017-" in line(lines, "no_consent")
    assert "needs more than 48 hours" in line(lines, "recent_purchaser")
    assert "contacts in 28 days: " in line(lines, "frequency_cap")
    assert f"it costs {row[c.EXPECTED_COST]:.3f} USD" in "\n".join(lines)
    assert line(lines, "1. ").startswith(f"1. {row[c.TITLE]} (item {row[c.ITEM_ID]})")
    assert "these decisions have not been exported" in lines[-1]


@pytest.mark.parametrize(
    ("reason", "found"),
    [
        ("recent_purchaser", "hours before; needs more than 48 hours"),
        ("frequency_cap", "contacts in 28 days: "),
        ("no_consent", "never said whether advertising may be personal; that counts as no"),
    ],
)
def test_an_excluded_person_and_the_rule_that_did_it(finished_project, decisions, reason, found):
    lines, _ = told(finished_project, decisions, reason)
    assert lines[1] == f"NO CONTACT: removed by the rule '{reason}', see below."
    removed = line(lines, reason)
    assert "REMOVED" in removed
    assert found in removed
    after = lines.index(next(text for text in lines if text.strip() == removed)) + 1
    rest = lines[after : lines.index("", after)]
    assert all("not asked" in text for text in rest)
    assert "none: no items are chosen for somebody whom a rule removes" in "\n".join(lines)


def test_a_person_whom_another_campaign_displaced(finished_project, decisions, tmp_path):
    project = Project(shutil.copytree(finished_project, tmp_path / "copy", symlinks=True))
    path = project.folder / "urgent.parquet"
    shutil.copy(project.workspace.current(SCORE).path / "decisions.parquet", path)
    campaign = project.folder / "campaign.yaml"
    limits = "{max_contacts: 1, ahead: [urgent.parquet]}"
    campaign.write_text(campaign.read_text().replace("{max_contacts: 3}", limits))
    score(project, project.step_config(CampaignConfig, "campaign"))
    rows = project.workspace.current(SCORE).read(DECISIONS).to_pandas().set_index(c.PERSON_ID)
    lines, _ = told(project.folder, rows, "displaced")
    assert lines[1] == (
        "NO CONTACT: a campaign of higher priority contacts this person now, and the limit on contacts leaves no room for "
        "this one."
    )
    assert line(lines, "displaced") == (
        "displaced                REMOVED    the campaign of higher priority in 'urgent.parquet' contacts this person by "
        "display; with that the caps above leave no room for one more"
    )
    assert line(lines, "frequency_cap").endswith("passed     contacts in 28 days: 0, at most 1")
    contacted, _ = told(project.folder, rows, "holdout")
    assert line(contacted, "displaced").endswith(
        "passed     the campaign of higher priority in 'urgent.parquet' does not contact this person; with that the caps "
        "above leave room for one more"
    )
    path.unlink()
    lines, _ = told(project.folder, rows, "displaced")
    assert "'urgent.parquet', of higher priority, has changed since this" in line(
        lines, "displaced"
    )


def test_a_held_out_person(finished_project, decisions):
    lines, row = told(finished_project, decisions, "holdout")
    assert lines[1].startswith("NO CONTACT: held out for good by lot")
    assert f"a chance of {100 * row[c.PROBABILITY]:.1f} %" in line(lines, "held out for good")
    assert "would have been shown:" in "\n".join(lines)
    assert lines[-1].strip() == "in no targeting file"


@pytest.mark.parametrize("reason", ["expected_value_below_cost", "budget_spent"])
def test_somebody_who_is_not_worth_it(finished_project, decisions, reason):
    lines, _ = told(finished_project, decisions, reason)
    assert lines[1].startswith("NO CONTACT: ")
    assert "a contact has to earn 0.2 times its cost" in "\n".join(lines)


def test_an_unknown_person_and_no_other(finished_project, decisions):
    with pytest.raises(InputError, match="person 'nobody': is not known; 160 persons are known") as raised:  # fmt: skip
        why_lines(finished_project, person="nobody", item=None)
    words = set(str(raised.value).replace("'", " ").split())
    assert not words & (set(decisions.index) - {"160"})
    found = CliRunner().invoke(app, ["why", str(finished_project), "--person", "nobody"])
    assert found.exception.exit_code == 2
    with pytest.raises(ConfigError, match="nobody and nothing is named"):
        why_lines(finished_project, person=None, item=None)


def test_an_erased_person_has_no_history(bench):
    path = bench.path(INGEST) / "persons.parquet"
    person = bench.contacted()[0]
    persons = pq.read_table(path)
    flag = pc.equal(persons[c.PERSON_ID], person)
    place = persons.schema.get_field_index(c.ERASED)
    pq.write_table(persons.set_column(place, persons.schema.field(place), flag), path)
    gone = [f"Person {person} was erased: nothing is kept about them, nothing is decided, no file names them."]  # fmt: skip
    assert why_lines(bench.folder, person=person, item=None) == gone
    stones = Tombstones("0123456789", frozenset())
    write_tombstones(bench.project.workspace, Tombstones(stones.salt, frozenset([stones.hash(c.PERSON_ID, "nobody")])))  # fmt: skip
    assert "was erased" in why_lines(bench.folder, person="nobody", item=None)[0]


def test_an_export_that_leaves_somebody_out_says_why(bench):
    person = bench.contacted()[0]
    assert why_lines(bench.folder, person=person, item=None)[-1].strip() == "exported: asked again for the export, nothing speaks against it"  # fmt: skip
    (bench.folder / "crm.csv").write_text(f"person_id\n{person}\n")
    assert why_lines(bench.folder, person=person, item=None)[-1].strip() == "left out: asked again for the export, the rule 'suppressed' speaks against it"  # fmt: skip


def test_items(finished_project):
    project = Project(finished_project)
    catalog = project.workspace.current(INGEST).read(CATALOG).to_pandas()
    decided = project.workspace.current(SCORE).read(DECISIONS).to_pandas()
    shown = decided[c.ITEM_ID].dropna().iloc[0]
    lines = why_lines(finished_project / "campaign.yaml", person=None, item=shown)
    assert lines[1] == f"Chosen for {(decided[c.ITEM_ID] == shown).sum()} persons, of whom {(decided[decided[c.CONTACT]][c.ITEM_ID] == shown).sum()} are contacted"  # fmt: skip
    assert "REMOVED" not in "\n".join(lines)
    blocked = catalog[catalog[c.CATEGORY] == "CATEGORY 5"][c.ITEM_ID].iloc[0]
    lines = why_lines(finished_project, person=None, item=blocked)
    assert lines[1] == "SHOWN TO NOBODY"
    assert "REMOVED" in line(lines, "blocked_category")
    with pytest.raises(InputError, match="item 'none': is not in the catalog"):
        why_lines(finished_project, person=None, item="none")


def test_ages():
    assert [ago(71.9), ago(72)] == ["71.9 hours before", "3.0 days before"]


def test_both_questions_at_once(finished_project, decisions):
    person = decisions.index[0]
    item = Project(finished_project).workspace.current(INGEST).read(CATALOG)[c.ITEM_ID][0].as_py()
    lines = why_lines(finished_project, person=person, item=item)
    assert any(text.startswith("Person ") for text in lines)
    assert any(text.startswith("Item ") for text in lines)
