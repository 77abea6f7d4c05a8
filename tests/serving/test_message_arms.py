"""Messages as arms of the budget: each way of contact by the model of its own arm, from the config to the decision rows."""

from __future__ import annotations

import shutil
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from features import columns as c
from features.errors import ConfigError
from features.project import Project
from features.tables import ASSIGNMENTS, DECISIONS
from serving import score as nightly
from serving.audit.audit import RESULT, audit_project
from serving.config import CampaignConfig
from serving.score import SCORE, score
from serving.why.ask import why_lines
from training.models.in_force import Champions, champions
from training.steps import bundle_of_arm

WAYS = {
    "plain": {"cost_per_contact": 0.2, "channel": "email"},
    "discount": {
        "cost_per_contact": 0.6,
        "channel": "email",
        "arm": "discount",
        "message": "Ten percent off",
    },
}


class Discount:
    """The model of a second arm: two and a half times the effect for some, harm for others."""

    groups = groups_before_refit = None

    def __init__(self, model):
        self.model = model

    def predict(self, features):
        uplift = self.model.predict(features)
        return np.where(np.floor(1e5 * uplift) % 2, 2.5 * np.abs(uplift), -0.01)


@pytest.fixture(scope="module")
def project(finished_project, tmp_path_factory):
    """Decisions between two messages; the model of the second one is made up."""
    folder = tmp_path_factory.mktemp("arms") / "copy"
    project = Project(shutil.copytree(finished_project, folder, symlinks=True))
    first = project.step_config(CampaignConfig, "campaign").model_dump()
    campaign = CampaignConfig.model_validate({**first, "channels": WAYS})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nightly, "champions", _with_discount)
        score(project, campaign)
    return project


def _with_discount(project, *, recommender):
    found = champions(project, recommender=recommender)
    model = found.uplift()
    known = {None: model, "discount": Discount(model)}
    told = {
        name: getattr(found, name)
        for name in ("recommender_version", "recommender_bundle", "uplift_version")
    }
    return SimpleNamespace(uplift=known.__getitem__, **told)


@pytest.fixture(scope="module")
def rows(project):
    decided = project.workspace.current(SCORE).read(DECISIONS).to_pandas()
    return decided[decided[c.RANK] == 1].set_index(c.PERSON_ID)


def test_each_person_gets_one_message_or_none_within_the_budget(project, rows):
    contacted = rows[rows[c.CONTACT]]
    assert set(contacted[c.VARIANT]) == {"plain", "discount"}
    assert set(contacted[c.CHANNEL]) == {"email"}
    assert (
        rows.loc[~rows[c.TARGETED] & ~rows[c.EXPLORED], [c.VARIANT, c.CHANNEL]]
        .isna()
        .all(axis=None)
    )
    assert contacted[c.EXPECTED_COST].sum() <= 12
    price = {name: one["cost_per_contact"] for name, one in WAYS.items()}
    share = contacted[c.EXPECTED_COST] / contacted[c.VARIANT].map(price)
    np.testing.assert_allclose(share, share.iloc[0])
    by_channel = project.workspace.current(SCORE).manifest["figures"]["by_channel"]
    assert by_channel == contacted[c.VARIANT].value_counts().to_dict()


def test_the_row_holds_what_the_model_of_its_arm_says(rows):
    discount = rows[rows[c.VARIANT] == "discount"]
    targeted = discount[discount[c.TARGETED]]
    assert len(targeted) > 0
    assert (targeted[c.UPLIFT] > 0).all()
    assert (discount[c.MESSAGE] == "Ten percent off").all()
    assert (rows.loc[rows[c.VARIANT] == "plain", c.MESSAGE] != "Ten percent off").all()


def test_the_next_training_set_names_the_arm_and_its_chance(project, rows):
    told = project.workspace.current(SCORE).read(ASSIGNMENTS).to_pandas().set_index(c.PERSON_ID)
    both = told.join(rows[[c.VARIANT, c.CONTACT, c.EXPLORED, c.CHANCE_OF_CONTACT, c.PROPENSITY]])
    arm = {"plain": "treated", "discount": "discount"}
    contacted = both[both[c.CONTACT]]
    assert (contacted[c.ARM] == contacted[c.VARIANT].map(arm)).all()
    np.testing.assert_allclose(contacted[c.PROBABILITY], contacted[c.PROPENSITY])
    assert (both.loc[~both[c.CONTACT], c.ARM] == "control").all()


def test_the_audit_finds_nothing(project):
    checks = audit_project(project).json(RESULT)["checks"]
    assert [one for one in checks if one["count"]] == []


def test_why_names_the_message(project, rows):
    person = rows.index[rows[c.CONTACT] & (rows[c.VARIANT] == "discount")][0]
    lines = "\n".join(why_lines(project.folder, person=person, item=None))
    assert "expected margin of a contact by email with the message 'discount': " in lines


def test_the_models_of_all_arms_are_those_of_one_training(finished_project, tmp_path):
    found = champions(Project(finished_project), recommender="recommender")
    model, bundles = found.uplift(), tmp_path / "bundle"
    for folder, arm in (("a", "discount"), ("b", "treated")):
        replace(model, facts=replace(model.facts, treated=arm)).save(bundles / folder)
    both = Champions("r", found.recommender_bundle, "u", bundles / "b", bundles)
    assert [both.uplift(arm).facts.treated for arm in ("discount", "treated", None)] == ["discount", "treated", "treated"]  # fmt: skip
    assert bundle_of_arm(SimpleNamespace(path=tmp_path), "treated") == bundles / "b"
    assert found.uplift("treated").facts == model.facts
    with pytest.raises(ConfigError, match=r"arm 'gift': is not among the arms of the uplift model in force \(discount, treated\)"):  # fmt: skip
        both.uplift("gift")
