"""The report of a project: gathers stored results of every step and fills the page. Nothing is computed anew."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import pyarrow as pa

from features import columns as c
from features.erasure.erase import EXPORT
from features.project import Project
from features.run import Run, RunWriter, read_parquet
from features.steps.features import FEATURES, load_histories
from features.steps.ingest import INGEST, QUALITY
from features.steps.segments import SEGMENTS_STEP
from features.steps.simulate import SIMULATE, TRUTH_STEP
from features.steps.store import STORE
from features.tables import CATALOG, CREATIVES, DECISIONS, WATERFALL
from serving.audit.audit import AUDIT, RESULT
from serving.creative.gallery import gallery
from serving.examples import example_persons
from serving.exports.config import EXPORTS_FILE
from serving.exports.section import exports_section
from serving.figures import NOT_ENFORCED_LIMITS, allocation_lines
from serving.score import SCORE
from training.promotion.contests import PROMOTE_RECOMMENDER
from training.promotion.promote import decision_lines
from training.reports.page import Said, money, number, percent, points, render_page
from training.reports.project_campaign import lift_section, worth_section
from training.reports.project_models import recommender_section, uplift_section
from training.reports.quality import quality_facts
from training.reports.table import Cell, Table, figure, row
from training.steps import MEASURE, METRICS, TRAIN_RECOMMENDER
from training.train_flat import TRAIN_UPLIFT

REPORT: Final = "report"
PAGE: Final = "report.html"
_STEPS: Final = (
    INGEST, FEATURES, SEGMENTS_STEP, SIMULATE, TRUTH_STEP, TRAIN_RECOMMENDER, PROMOTE_RECOMMENDER, TRAIN_UPLIFT, SCORE, MEASURE,
)  # fmt: skip
_JUDGED: Final = (INGEST, FEATURES, SEGMENTS_STEP)
"""Steps that say whether their facts can be trusted."""


def write_report(project: Project) -> Run:
    """Write report.html from the runs in force.

    Raises:
        WorkspaceError: an earlier step has not been run.
    """
    runs = {step: project.workspace.current(step) for step in _steps(project)}
    if (project.workspace.root / AUDIT).is_dir():
        audited = project.workspace.current(AUDIT)
        if audited.manifest["inputs"][SCORE] == runs[SCORE].run_id:
            runs[AUDIT] = audited

    def compute(writer: RunWriter, figures: dict[str, Any]) -> None:
        page = render_page("project.html.j2", _facts(project, runs))
        writer.text(PAGE, page)
        figures |= {"kilobytes": len(page.encode()) // 1024, "file": PAGE}

    return project.workspace.carry_out(
        REPORT,
        compute,
        config=project.config.model_copy(update={"workspace": "."}),
        inputs={step: run.run_id for step, run in runs.items()},
        layer="serving",
    )


def _steps(project: Project) -> tuple[str, ...]:
    exports = (project.folder / f"{EXPORTS_FILE}.yaml").is_file()
    return (*_STEPS, EXPORT) if exports else _STEPS


def _facts(project: Project, runs: Mapping[str, Run]) -> dict[str, Any]:
    currency = project.config.currency
    scored = runs[SCORE].manifest["figures"]
    lift = runs[MEASURE].json("lift.json")
    policies = runs[MEASURE].json("policies.json")
    recommender = runs[TRAIN_RECOMMENDER].json(METRICS)
    return {
        "project": project.config.name,
        "made_up": (project.folder / f"{STORE}.yaml").is_file(),
        "title": f"Retargeting decisions: {project.config.name.replace('_', ' ')}",
        "as_of": f"{project.config.as_of:%d %B %Y}",
        "summary": _summary(scored, lift, policies, currency),
        "headline": _headline(scored, recommender, lift, policies, currency),
        "quality": quality_facts(*(runs[step].json(QUALITY) for step in _JUDGED)),
        "data": _data(runs[INGEST].manifest["figures"], runs[SIMULATE].manifest["figures"]),
        "recommender": recommender_section(
            recommender,
            runs[TRAIN_RECOMMENDER].manifest["config"],
            decision=", ".join(decision_lines(runs[PROMOTE_RECOMMENDER])),
        ),
        "uplift": uplift_section(
            runs[TRAIN_UPLIFT].json(METRICS),
            read_parquet(runs[TRAIN_UPLIFT].path / "curves.parquet").to_pandas(),
        ),
        "waterfall": _waterfall(runs[SCORE]),
        "allocation": allocation_lines(scored, currency),
        "alerts": scored[NOT_ENFORCED_LIMITS],
        "gallery": _gallery(runs[SCORE].read(CREATIVES), scored["creative"]),
        "exports": _exports(runs[EXPORT], score_run=runs[SCORE].run_id) if EXPORT in runs else None,
        "audit": _audit(runs[AUDIT]) if AUDIT in runs else None,
        "lift": lift_section(lift, currency),
        "worth": worth_section(policies, currency),
        "examples": example_persons(
            runs[SCORE].read(DECISIONS),
            runs[INGEST].read(CATALOG),
            load_histories(runs[FEATURES]),
            as_of=project.config.as_of,
            currency=currency,
        ),
        "provenance": _provenance(runs),
    }


def _headline(
    scored: Mapping[str, Any],
    recommender: Mapping[str, Any],
    lift: Mapping[str, Any],
    policies: Sequence[Mapping[str, Any]],
    currency: str,
) -> list[dict[str, str]]:
    primary = lift["outcomes"][0]["lift"]
    told = {
        "persons to contact": f"of {number(scored['eligible'])} that may be contacted",
        "expected cost": "of the contacts decided",
        "expected incremental margin (model)": "sum over the contacts decided of predicted uplift on margin; a prediction, no interval",
        "incremental margin (planted truth)": "exact expectation of the same contacts, known only in a simulation",
        "lift in weekly buyers (simulated campaign)": f"ITT, {number(lift['rows'])} assignments; 95 % interval "
        f"{points(primary['low'])} to {points(primary['high'])} points; {primary['convention']}",
        "best recommender of the last training": "by nDCG on earlier validation weeks",
    }
    values = (
        number(scored["contacted"]),
        money(scored["expected_cost"], currency),
        money(scored["expected_margin"], currency),
        money(policies[0]["incremental_margin"], currency),
        f"{points(primary['effect'])} pts",
        recommender["champion"].replace("_", " "),
    )
    return [
        {"value": value, "label": label, "told": text}
        for value, (label, text) in zip(values, told.items(), strict=True)
    ]


def _summary(
    scored: Mapping[str, Any],
    lift: Mapping[str, Any],
    policies: Sequence[Mapping[str, Any]],
    currency: str,
) -> list[Said]:
    primary = lift["outcomes"][0]
    found = primary["lift"]
    profit = {policy["policy"]: money(policy["profit"], currency) for policy in policies}
    return [
        Said(
            f"Of {number(scored['persons'])} persons, {number(scored['eligible'])} may be contacted; "
            f"{number(scored['held_out'])} of these are held out at random and {number(scored['contacted'])} are contacted "
            f"({number(scored['explored'])} of them by lot, so that the next model also learns about those this one leaves out), "
            f"within the budget of {money(scored['budget'], currency)}.",
            "everybody in the persons table at the moment of decision; rules in the order of the waterfall",
        ),
        Said(
            "In the simulated campaign, being assigned to treatment changed the share of persons that buy within a week by "
            f"{points(found['effect'])} points (95 % interval {points(found['low'])} to {points(found['high'])}; "
            f"planted {points(primary['planted'])}).",
            f"intention to treat, {number(lift['rows'])} assignments of {number(lift['persons'])} persons; {found['convention']}",
        ),
        Said(
            f"Given the planted responses, the chosen contacts earn {profit['this run']} after cost; as many contacts of the "
            f"persons most likely to buy would earn {profit['most likely to buy, as many']}.",
            "exact expectation over the persons that may be contacted, known only in a simulation",
        ),
    ]


def _data(ingested: Mapping[str, Any], simulated: Mapping[str, Any]) -> Table:
    reasons = ", ".join(
        f"{name} {count:,}" for name, count in ingested["rejects_by_reason"].items()
    )
    return Table(
        "What came in",
        ("What", "How many", "Told"),
        (
        row("Rows read", figure(number(ingested["rows_in"]), ingested["rows_in"]), "of all files of the source"),
        row("Events", figure(number(ingested["events"]), ingested["events"]), f"{ingested['first_event'][:10]} to {ingested['last_event'][:10]}"),
        row("Rejects", figure(number(ingested["rejects"]), ingested["rejects"]), f"rows in = events + rejects; {reasons}"),
        row("Persons", figure(number(ingested["persons"]), ingested["persons"]), "whoever the events name, ids of one person joined; without recorded consent nobody is contacted"),
        row("Items", figure(number(ingested["items"]), ingested["items"]), f"{ingested['items_in_stock']:,} in stock in the snapshot that was used"),
        row("Events whose item is in the catalog", figure(percent(ingested["id_match_rate"], 3), ingested["id_match_rate"]), "id match rate"),
        row("Simulated assignments", figure(number(simulated["assignments"]), simulated["assignments"]), f"{simulated['persons']:,} persons at {simulated['decision_points']} weekly decision points"),
        ),
    )  # fmt: skip


def _waterfall(run: Run) -> list[Table]:
    rows = run.read(WATERFALL).to_pylist()
    names = {"person": "Persons", "item": "Candidate items of the eligible persons"}
    head = ("Rule, in order", "In", "Removed", "Left")
    return [
        Table(
            name,
            head,
            tuple(
                row(
                    _label(rule[c.RULE]),
                    *(figure(number(rule[key]), rule[key]) for key in (c.COUNT_IN, c.COUNT_REMOVED, c.COUNT_LEFT)),
                )
                for rule in rows
                if rule[c.LEVEL] == level
            ),
            about=dict.fromkeys(head[1:], f"{name.lower()}; every rule looks at what the rules above it left"),
        )
        for level, name in names.items()
    ]  # fmt: skip


def _exports(run: Run, *, score_run: str) -> dict[str, Any]:
    found = exports_section(run, score_run=score_run)
    return {**found, "table": export_table(found["files"])}


def _audit(run: Run) -> Table:
    """What the audit of these decisions, and of the files made from them, found."""
    checks = run.json(RESULT)["checks"]
    return Table(
        "Checked again: the audit of what was published",
        ("Rule", "What holds", "State", "Rows that break it"),
        tuple(
            row(
                _label(check["name"]),
                check["rule"],
                "; ".join(filter(None, (check["state"], check["unchecked"]))),
                figure(number(check["count"]), check["count"]),
            )
            for check in checks
        ),
        about={
            "Rows that break it": "rows of decisions and exported files, read again and compared with the facts"
        },
    )


def export_table(files: Sequence[Mapping[str, Any]]) -> Table:
    """The files of an export run, as `exports_section` gives them."""
    return Table(
        "Files for platforms",
        ("File", "For", "Rows", "Persons", "New", "Gone", "Left out"),
        tuple(
            row(
                one["file"],
                one["kind"],
                figure(number(one["rows"]), one["rows"]),
                figure(number(one["persons"]), one["persons"]) if one["persons"] else "",
                *(_count(one[key]) for key in ("added", "removed")),
                one["drops"],
            )
            for one in files
        ),
        about={
            "Rows": "rows of the file, read again from disk",
            "Persons": "different persons named in the file",
            "New": "rows that the export before did not have",
            "Gone": "rows that only the export before had",
        },
    )


def _count(value: int | str) -> Cell:
    return Cell(value) if isinstance(value, str) else figure(number(value), value)


def _gallery(creatives: pa.Table, figures: Mapping[str, Any]) -> dict[str, Any] | None:
    found = gallery(creatives, figures)
    if found is None:
        return None
    templates = Table(
        "Templates",
        ("Template", "Texts"),
        tuple(
            row(name, figure(number(count), count)) for name, count in found["templates"].items()
        ),
        about={"Texts": "creatives of this run that were filled from the template"},
    )
    return {**found, "table": templates}


def _provenance(runs: Mapping[str, Run]) -> Table:
    return Table(
        "Runs of this report",
        ("Step", "Run", "Made from"),
        tuple(
            row(
                step,
                run.run_id,
                f"config {run.manifest['config_hash'][:16]}, code {run.manifest['code_version']}",
            )
            for step, run in runs.items()
        ),
        "A run id is the hash of config, inputs and code: the same inputs give the same page, byte for byte.",
    )


def _label(name: str) -> str:
    return name.replace("_", " ")
