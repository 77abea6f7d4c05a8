"""The report of a project: gathers stored results of every step and fills the page. Nothing is computed anew."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import pandas as pd

from features import columns as c
from features.erasure.erase import EXPORT
from features.project import Project
from features.run import Run, RunWriter, read_parquet
from features.steps.features import FEATURES, load_histories
from features.steps.ingest import INGEST, QUALITY
from features.steps.segments import SEGMENTS_STEP
from features.steps.simulate import SIMULATE, TRUTH_STEP
from features.tables import CATALOG, CREATIVES, DECISIONS, WATERFALL
from serving.creative.gallery import gallery
from serving.exports.config import EXPORTS_FILE
from serving.exports.section import exports_section
from serving.figures import NOT_ENFORCED_LIMITS, allocation_lines
from serving.households import example_households
from serving.score import SCORE
from training.promotion.contests import PROMOTE_RECOMMENDER
from training.promotion.promote import decision_lines
from training.reports.charts import Dot, bar_plot, dot_plot, gain_plot
from training.reports.page import money, number, percent, points, render_page, trusted_svg
from training.reports.quality import quality_facts
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
        "title": f"Retargeting decisions: {project.config.name.replace('_', ' ')}",
        "as_of": f"{project.config.as_of:%d %B %Y}",
        "currency": currency,
        "scored": scored,
        "primary": lift["outcomes"][0],
        "policies": {policy["policy"]: policy for policy in policies},
        "headline": _headline(scored, recommender, lift, policies, currency),
        "quality": quality_facts(*(runs[step].json(QUALITY) for step in _JUDGED)),
        "data": _data(runs[INGEST].manifest["figures"], runs[SIMULATE].manifest["figures"]),
        "recommender": _recommender(
            recommender,
            runs[TRAIN_RECOMMENDER].manifest["config"],
            decision=", ".join(decision_lines(runs[PROMOTE_RECOMMENDER])),
        ),
        "uplift": _uplift(runs[TRAIN_UPLIFT]),
        "waterfall": _waterfall(runs[SCORE]),
        "allocation": allocation_lines(scored, currency),
        "alerts": scored[NOT_ENFORCED_LIMITS],
        "gallery": gallery(runs[SCORE].read(CREATIVES), scored["creative"]),
        "exports": exports_section(runs[EXPORT], score_run=runs[SCORE].run_id)
        if EXPORT in runs
        else None,
        "lift": _lift(lift, currency),
        "worth": _worth(policies, currency),
        "households": example_households(
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
    return [
        {"value": number(scored["contacted"]), "label": "households to contact"},
        {"value": money(scored["expected_cost"], currency), "label": "expected cost"},
        {
            "value": money(scored["expected_margin"], currency),
            "label": "expected incremental margin (model)",
        },
        {
            "value": money(policies[0]["incremental_margin"], currency),
            "label": "incremental margin (planted truth)",
        },
        {
            "value": f"{points(primary['effect'])} pts",
            "label": "lift in weekly buyers (simulated campaign)",
        },
        {
            "value": recommender["champion"].replace("_", " "),
            "label": "best recommender of the last training",
        },
    ]


def _data(ingested: Mapping[str, Any], simulated: Mapping[str, Any]) -> list[dict[str, str]]:
    reasons = ", ".join(
        f"{name} {count:,}" for name, count in ingested["rejects_by_reason"].items()
    )
    return [
        {"label": "Rows read", "value": number(ingested["rows_in"]), "note": "one row = one product in one basket"},
        {"label": "Events", "value": number(ingested["events"]), "note": f"{ingested['first_event'][:10]} to {ingested['last_event'][:10]}"},
        {"label": "Rejects", "value": number(ingested["rejects"]), "note": f"rows in = events + rejects; {reasons}"},
        {"label": "Households", "value": number(ingested["persons"]), "note": "contactable = was sent a direct-mail campaign before the decision; all others count as no consent"},
        {"label": "Items", "value": number(ingested["items"]), "note": f"{ingested['items_in_stock']:,} sold in the last 28 days: those have a price (median paid) and count as in stock"},
        {"label": "Events whose item is in the catalog", "value": percent(ingested["id_match_rate"], 3), "note": "id match rate"},
        {"label": "Simulated assignments", "value": number(simulated["assignments"]), "note": f"{simulated['persons']:,} households at {simulated['decision_points']} weekly decision points"},
    ]  # fmt: skip


def _recommender(
    metrics: Mapping[str, Any], config: Mapping[str, Any], *, decision: str
) -> dict[str, Any]:
    k, baseline, champion = config["k"], metrics["baseline"], metrics["champion"]
    models = sorted(metrics["models"], key=lambda m: -m["metrics"][f"ndcg_at_{k}.all"]["estimate"])
    names = {"all": "all targets", "repeat": "bought before", "novel": "never bought before"}
    dots = [
        Dot(_label(model["kind"]), names[target], *_ends(model["metrics"][f"ndcg_at_{k}.{target}"]))
        for target in names
        for model in models
    ]
    evaluated = metrics["populations"]
    first = models[0]
    return {
        "k": k,
        "baseline": _label(baseline),
        "sentence": f"{_label(champion)} was chosen on earlier validation weeks ({decision}). On the test weeks, "
        f"{_label(first['kind'])} has the highest nDCG@{k}; every model had {config['trials']} settings to choose from.",
        "chart": trusted_svg(dot_plot(dots, axis=f"nDCG@{k}", number=".3~f")),
        "caption": f"nDCG@{k} with 95 % interval, by kind of target. Panels have their own scale.",
        "rows": [_model_row(model, k, champion) for model in models],
        "convention": f"Purchases of the next {config['horizon_days']} days at {len(evaluated)} weekly cut-offs "
        f"({evaluated[0]['cutoff'][:10]} to {evaluated[-1]['cutoff'][:10]}), repeats allowed; settings chosen on earlier "
        f"weeks; mean over (household, week) pairs with a relevant item; percentile bootstrap over households; "
        "nDCG binary, ideal over min(k, relevant items); recall = hits over relevant items; coverage and exposure "
        "Gini over all items the model knows.",
    }


def _model_row(model: Mapping[str, Any], k: int, champion: str) -> dict[str, Any]:
    metrics, difference = model["metrics"], model["difference"]
    whole = metrics[f"ndcg_at_{k}.all"]
    return {
        "model": _label(model["kind"]),
        "champion": model["kind"] == champion,
        "ndcg": f"{whole['estimate']:.3f} [{whole['low']:.3f}, {whole['high']:.3f}]",
        "recall": f"{metrics[f'recall_at_{k}.all']['estimate']:.3f}",
        "repeat": f"{metrics[f'ndcg_at_{k}.repeat']['estimate']:.3f}",
        "novel": f"{metrics[f'ndcg_at_{k}.novel']['estimate']:.4f}",
        "difference": "baseline"
        if difference is None
        else f"{difference['estimate']:+.3f} [{difference['low']:+.3f}, {difference['high']:+.3f}]",
        "p_value": number(model["adjusted_p_value"], 4),
        "coverage": percent(model["coverage"]),
        "gini": f"{model['gini']:.3f}",
    }


def _uplift(run: Run) -> dict[str, Any]:
    metrics = run.json(METRICS)
    (name, contrast), *_ = metrics["contrasts"].items()
    test = contrast["test"]
    outcome = contrast["outcome"]
    curves = read_parquet(run.path / "curves.parquet").to_pandas()
    curves = curves[curves[c.CONTRAST] == name]
    lines = pd.DataFrame(
        {
            "share": curves[c.TREATED_SHARE],
            "gain": curves[c.GAIN],
            "ranking": curves[c.RANKED_BY].map(
                {"uplift": "ranked by uplift", "expected outcome": "ranked by likelihood to buy"}
            ),
        }
    )
    random = pd.DataFrame(
        {
            "share": [0.0, 1.0],
            "gain": [0.0, test["average_effect"]["value"]],
            "ranking": "random order",
        }
    )
    qini, over = test["qini"], test["qini_over_baseline"]
    works = (
        "better than a random order"
        if qini["low"] > 0
        else "not distinguishable from a random order"
    )
    return {
        "sentence": f"On {test['n_rows']:,} later assignments that the model had not seen, its ranking is {works}: Qini "
        f"{_estimate(qini)} per head. Against ranking by likelihood to buy the difference is {_estimate(over)}.",
        "gain_chart": trusted_svg(
            gain_plot(
                pd.concat([lines, random]), unit=f"Incremental {outcome} per head of the test rows"
            )
        ),
        "gain_caption": "Qini curve: what is gained by contacting the best-ranked share; above the line of a random "
        "order = the ranking finds people who change.",
        "bins_chart": trusted_svg(
            dot_plot(
                _bins(test["bins"]), axis=f"Effect on {outcome}, points", number="+.0f", reference=0
            )
        ),
        "bins_caption": "Measured effect by decile of predicted uplift, 95 % intervals; diamonds: mean predicted uplift.",
        "convention": f"Learner: LightGBM T-learner with the recorded probability. Qini: {metrics['conventions']['qini']}; "
        "errors clustered by household.",
    }


def _bins(bins: Sequence[Mapping[str, Any]]) -> list[Dot]:
    return [
        _in_points(
            f"decile {position}", item["effect"]["value"], item["effect"], truth=item["score_mean"]
        )
        for position, item in enumerate(bins, start=1)
    ]


def _in_points(row: str, value: float, interval: Mapping[str, float], *, truth: float) -> Dot:
    """A difference of shares and its reference, in percentage points."""
    return Dot(row, "", 100 * value, 100 * interval["low"], 100 * interval["high"], 100 * truth)


def _waterfall(run: Run) -> list[dict[str, Any]]:
    rows = run.read(WATERFALL).to_pylist()
    names = {"person": "Households", "item": "Candidate items of the eligible households"}
    return [
        {
            "name": name,
            "rows": [{**row, c.RULE: _label(row[c.RULE])} for row in rows if row[c.LEVEL] == level],
        }
        for level, name in names.items()
    ]


def _lift(lift: Mapping[str, Any], currency: str) -> dict[str, Any]:
    checks = lift["sample_ratio"]
    dots = [
        _in_points(
            _label(row["segment"]) or "everybody assigned",
            row["lift"]["effect"],
            row["lift"],
            truth=row["planted"],
        )
        for row in [lift["outcomes"][0], *lift["segments"]]
    ]
    return {
        "sentence": f"{lift['rows']:,} (household, week) assignments of {lift['persons']:,} households; "
        f"{percent(lift['share_reached'])} of them were reached. Sample-ratio check passed "
        f"(chi-square {checks['chi2']:.2f}, p {checks['p_value']:.3f}).",
        "chart": trusted_svg(
            dot_plot(
                dots,
                axis="Effect on the share of households that buy in the week, points",
                number="+.0f",
                reference=0,
            )
        ),
        "caption": "Intention-to-treat effect with 95 % interval; diamonds: the planted effect. The response classes "
        "are known only because the campaign is simulated.",
        "rows": [_lift_row(row, currency) for row in lift["outcomes"]],
        "convention": f"ITT over everybody assigned, reached or not; {lift['outcomes'][0]['lift']['convention']}; "
        "clusters are households; relative intervals on the log scale.",
    }


def _lift_row(row: Mapping[str, Any], currency: str) -> dict[str, str]:
    lift = row["lift"]
    share = row["outcome"] == c.CONVERSION
    unit = " points" if share else f" {currency}"

    def level(value: float) -> str:
        return percent(value) if share else number(value, 3)

    def change(value: float) -> str:
        return points(value) if share else f"{value:+,.3f}"

    return {
        "outcome": _label(row["outcome"]),
        "control": level(lift["base_mean"]),
        "treated": level(lift["treated_mean"]),
        "effect": f"{change(lift['effect'])} [{change(lift['low'])}, {change(lift['high'])}]{unit}",
        "relative": f"{percent(lift['relative'])} [{percent(lift['relative_low'])}, {percent(lift['relative_high'])}]",
        "planted": f"{change(row['planted'])}{unit}",
    }


def _worth(policies: Sequence[Mapping[str, Any]], currency: str) -> dict[str, Any]:
    bars = pd.DataFrame(
        {"label": [p["policy"] for p in policies], "value": [p["profit"] for p in policies]}
    )
    return {
        "sentence": "Exact expected profit of contacting different households among those who may be contacted, given "
        "what they really bought in the week after and the planted response. Only a simulation can show this.",
        "chart": trusted_svg(
            bar_plot(
                bars,
                axis=f"Expected profit, {currency}",
                number="+,.0f",
                highlight=[policies[0]["policy"]],
            )
        ),
        "caption": "The oracle knows the planted response and the week to come: no model can reach it.",
        "rows": policies,
    }


def _provenance(runs: Mapping[str, Run]) -> list[dict[str, str]]:
    return [
        {"step": step, "run_id": run.run_id, "note": f"config {run.manifest['config_hash'][:16]}, code {run.manifest['code_version']}"}
        for step, run in runs.items()
    ]  # fmt: skip


def _label(name: str) -> str:
    return name.replace("_", " ")


def _ends(interval: Mapping[str, float]) -> tuple[float, float, float]:
    return interval["estimate"], interval["low"], interval["high"]


def _estimate(figure: Mapping[str, float]) -> str:
    return f"{figure['value']:+.4f} (95 % interval {figure['low']:+.4f} to {figure['high']:+.4f})"
