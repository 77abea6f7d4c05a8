"""The command line in this process; a finished project with exports of every kind, and a bench on which its files and facts
are tampered with."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from features import columns as c
from features.erasure.erase import EXPORT
from features.project import Project
from features.provenance import file_hash
from features.run import MANIFEST, to_json
from features.steps.features import FEATURES
from features.steps.ingest import INGEST
from features.steps.simulate import SIMULATE
from features.tables import DECISIONS, PERSONS
from serving.audit.audit import RESULT, audit_project
from serving.cli import main
from serving.plans import plan_export, plan_score
from serving.score import SCORE

DISPLAY_CAP = "{max_contacts: 2, window_days: 1, channel: display}"
EXPORTS = """
kind: exports
contacts: {file: contacts.csv, calling_code: "1"}
suppressions: [crm.csv]
exports:
  match: {kind: google_customer_match}
  ads: {kind: google_ads_feed}
  meta: {kind: meta_audience, split: stage}
  out: {kind: suppression_list}
  out_meta: {kind: suppression_list, format: meta_audience}
  users: {kind: personalize}
  items: {kind: personalize, direction: items_for_users}
  lists: {kind: item_lists}
  sheet: {kind: item_lists, format: csv}
  typed: {kind: item_lists, format: parquet}
  bids: {kind: bid_inputs}
"""


def write_lists(folder, persons):
    """Contacts of every second person, and a suppression list that names nobody."""
    rows = [
        f"{who},Shopper.{who}@Mail{who}.example,(800) 555-{int(who):04d}" for who in persons[::2]
    ]
    (folder / "contacts.csv").write_text("\n".join(["person_id,email,phone", *rows]) + "\n")
    (folder / "crm.csv").write_text("person_id,ends\nnobody,2017-01-01\n")
    (folder / "exports.yaml").write_text(EXPORTS)


@pytest.fixture(scope="session")
def retarget():
    """The command line without the start of a process: its exit code and what it printed."""

    def run(*arguments, cwd=None):
        out, err = io.StringIO(), io.StringIO()
        with (
            contextlib.chdir(cwd or Path.cwd()),
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
            pytest.MonkeyPatch.context() as patch,
        ):
            patch.setattr(sys, "argv", ["retarget", *map(str, arguments)])
            with pytest.raises(SystemExit) as ended:
                main()
        code = ended.value.code or 0
        return subprocess.CompletedProcess(arguments, code, out.getvalue(), err.getvalue())

    return run


@pytest.fixture(scope="session")
def published(finished_project, tmp_path_factory):
    """A project whose decisions are exported; read only."""
    folder = tmp_path_factory.mktemp("published") / "project"
    shutil.copytree(finished_project, folder, symlinks=True)
    project = Project(folder)
    write_lists(folder, project.workspace.current(INGEST).read(PERSONS)[c.PERSON_ID].to_pylist())
    campaign = folder / "campaign.yaml"
    limits = campaign.read_text().replace("just_bought_days: 2", "just_bought_days: 7, quiet_days: {refund: 30}")  # fmt: skip
    campaign.write_text(
        limits.replace("max_contacts: 3", f"max_contacts: 3, caps: [{DISPLAY_CAP}]")
    )
    for plan in (plan_score(campaign, []), plan_export(folder / "exports.yaml", [])):
        for job in plan.jobs:
            job.carry_out()
    return folder


class Bench:
    """A copy of a published project whose files are changed behind its back."""

    def __init__(self, published, folder):
        self.folder = folder
        folder.mkdir()
        for file in published.glob("*.*"):
            shutil.copyfile(file, folder / file.name)
        for step in (INGEST, FEATURES, SIMULATE, SCORE, EXPORT):
            run = Project(published).workspace.current(step)
            target = folder / "out" / step / run.run_id
            shutil.copytree(run.path, target)
            (target.parent / "current").symlink_to(run.run_id)

    @property
    def project(self):
        return Project(self.folder)

    def path(self, step):
        return self.project.workspace.current(step).path

    def decisions_only(self):
        """Take the export away: a change of decisions would not be in it."""
        shutil.rmtree(self.folder / "out" / EXPORT)
        return self

    def decisions(self):
        return self.project.workspace.current(SCORE).read(DECISIONS).to_pandas()

    def contacted(self):
        """Ids of persons to contact, those with most items first."""
        rows = self.decisions()
        return rows[rows[c.CONTACT]][c.PERSON_ID].value_counts(sort=True).index.tolist()

    def rows(self, step, name, change):
        """Rewrite the rows of a Parquet file and vouch for it; `change` alters the list of rows."""
        path = self.path(step) / f"{name}.parquet"
        table = pq.read_table(path)
        rows = table.to_pylist()
        change(rows)
        pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), path)
        self.vouch(step)

    def text(self, file, change):
        """Rewrite a text file of the export and vouch for it."""
        path = self.path(EXPORT) / file
        path.write_text(change(path.read_text()))
        self.vouch(EXPORT)

    def vouch(self, step):
        """Write the hashes of the changed files into the manifest, as whoever made them would have."""
        path = self.path(step) / MANIFEST
        manifest = json.loads(path.read_text())
        manifest["files"] = {
            str(file.relative_to(path.parent)): file_hash(file)
            for file in sorted(path.parent.rglob("*"))
            if file.is_file() and file != path
        }
        path.write_text(to_json(manifest))

    def manifest(self, step, change):
        path = self.path(step) / MANIFEST
        manifest = json.loads(path.read_text())
        change(manifest)
        path.write_text(to_json(manifest))

    def audit(self):
        """The findings by rule, of rules that are broken."""
        run = audit_project(self.project)
        checks = run.json(RESULT)["checks"]
        return {one["name"]: one for one in checks if one["count"]}


@pytest.fixture
def bench(published, tmp_path):
    return Bench(published, tmp_path / "bench")
