"""The command line: thin, with everything heavy imported inside the command that needs it."""

from __future__ import annotations

import sys
import traceback
from pathlib import Path
from typing import Annotated, Final

import typer

from features.errors import RetargetError
from serving.console import execute, say_where_to_look, short

app = typer.Typer(
    name="retarget",
    help="Dynamic retargeting from your own data: whom to contact, with which items, and what it changed.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

ConfigFile = Annotated[Path, typer.Argument(help="YAML config of the step.", metavar="CONFIG")]
Folder = Annotated[Path, typer.Argument(help="Project folder with project.yaml.", metavar="DIR")]
FolderOrConfig = Annotated[
    Path, typer.Argument(help="Project folder, or its project.yaml.", metavar="DIR")
]
Overrides = Annotated[
    list[str] | None, typer.Argument(help="Overrides of config keys.", metavar="[KEY=VALUE]...")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Check the configs, print the plan, stop.")]
LogJson = Annotated[bool, typer.Option("--log-json", help="Print one JSON object per line.")]

_DEFECT: Final = 70
"""Exit code of an unexpected error (EX_SOFTWARE)."""


@app.command()
def run(
    folder: Folder,
    overrides: Overrides = None,
    *,
    dry_run: DryRun = False,
    log_json: LogJson = False,
) -> None:
    """Run a whole project, from raw data to decisions and report.

    Overrides start with the name of the config file: campaign.budget.amount=50.
    """
    from serving.plans import plan_project  # noqa: PLC0415

    plan = plan_project(folder, overrides or [])
    execute(plan, dry_run=dry_run, log_json=log_json)
    if not dry_run and not log_json:
        say_where_to_look(plan)


@app.command()
def ingest(
    config: ConfigFile,
    overrides: Overrides = None,
    *,
    dry_run: DryRun = False,
    log_json: LogJson = False,
) -> None:
    """Read the source of a project.yaml into tables and rejects."""
    from serving.plans import plan_ingest  # noqa: PLC0415

    execute(plan_ingest(config, overrides or []), dry_run=dry_run, log_json=log_json)


@app.command()
def features(
    config: FolderOrConfig,
    overrides: Overrides = None,
    *,
    dry_run: DryRun = False,
    log_json: LogJson = False,
) -> None:
    """Build features, segments and training sets of a project folder; a leak into the features ends with 1.

    Overrides start with the name of the config file: features.ranking.cutoffs=5.
    """
    from serving.plans import plan_features  # noqa: PLC0415

    execute(plan_features(config, overrides or []), dry_run=dry_run, log_json=log_json)


@app.command()
def simulate(
    config: ConfigFile,
    overrides: Overrides = None,
    *,
    dry_run: DryRun = False,
    log_json: LogJson = False,
) -> None:
    """Lay the randomised campaign of an experiment.yaml over real histories."""
    from serving.plans import plan_simulate  # noqa: PLC0415

    execute(plan_simulate(config, overrides or []), dry_run=dry_run, log_json=log_json)


@app.command()
def train(
    config: ConfigFile,
    overrides: Overrides = None,
    *,
    dry_run: DryRun = False,
    log_json: LogJson = False,
) -> None:
    """Train from a recommender.yaml or uplift.yaml; uplift also from any flat table."""
    from serving.plans import plan_train  # noqa: PLC0415

    execute(plan_train(config, overrides or []), dry_run=dry_run, log_json=log_json)


@app.command()
def tune(
    config: ConfigFile,
    overrides: Overrides = None,
    *,
    dry_run: DryRun = False,
    log_json: LogJson = False,
) -> None:
    """Search the settings of a tune.yaml, the same number of each model; stopped and run again, it goes on.

    Overrides that start with 'training.' are for the training's config: trials=50 training.k=20.
    """
    from rich.console import Console  # noqa: PLC0415

    from serving.tune_job import plan_tune  # noqa: PLC0415

    console = Console(stderr=True, quiet=log_json)
    plan = plan_tune(config, overrides or [], console=console)
    try:
        execute(plan, dry_run=dry_run, log_json=log_json)
    except KeyboardInterrupt:
        typer.echo(
            f"\nstopped; finished trials are kept in {short(plan.workspace.root)}. "
            "Run the same command again to go on.",
            err=True,
        )
        raise


@app.command()
def promote(
    config: ConfigFile,
    overrides: Overrides = None,
    *,
    model: Annotated[
        str | None, typer.Option(help="Registered model, where the training has several.")
    ] = None,
    version: Annotated[int | None, typer.Option(help="Its version; else the challenger.")] = None,
    force: Annotated[
        str, typer.Option(help="Put it in force whatever the comparison says, for this reason.")
    ] = "",
    dry_run: DryRun = False,
    log_json: LogJson = False,
) -> None:
    """Put a trained version in force, if it is shown not to be worse than the one in force; else end with 1.

    CONFIG is the training's; the metrics and margins are those of the promotion.yaml beside it.
    """
    from serving.plans import plan_promote  # noqa: PLC0415

    plan = plan_promote(config, overrides or [], model=model, number=version, force=force)
    execute(plan, dry_run=dry_run, log_json=log_json)


@app.command()
def predict(
    input_file: Annotated[
        Path, typer.Argument(help="CSV or Parquet with the features.", metavar="INPUT")
    ],
    *,
    bundle: Annotated[Path, typer.Option(help="Folder of an uplift model, <run>/bundle/<arm>.")],
    out: Annotated[Path, typer.Option(help="Where to: a .parquet or .csv file.")],
    separator: Annotated[str, typer.Option(help="Between the fields of a CSV.")] = ",",
) -> None:
    """Score the rows of any file with a trained uplift model; tells how they differ from the training rows."""
    from training.predict_uplift import predict_file  # noqa: PLC0415
    from training.table_file import write_table  # noqa: PLC0415

    prediction = predict_file(bundle, input_file, separator=separator)
    write_table(prediction.table, out)
    typer.echo("\n".join([*prediction.lines(), f"output      {short(out.resolve())}"]))


@app.command()
def compare(
    runs: Annotated[
        list[Path] | None,
        typer.Argument(help="Folders of uplift trainings.", metavar="[RUN RUN...]"),
    ] = None,
    *,
    tracking_project: Annotated[
        Path | None,
        typer.Option(help="A workspace: every uplift training in it, the one in force first."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Also to a .parquet or .csv file.")] = None,
    log_json: LogJson = False,
) -> None:
    """Compare uplift trainings on the same test rows, paired, each against the first; or measured experiments.

    Experiments stand in one table; an outcome is pooled over them where it is defined the same, else that is said.
    """
    from training.compare_uplift import compare_runs, read_run, stored_runs  # noqa: PLC0415
    from training.comparison_report import comparison_lines, comparison_table  # noqa: PLC0415
    from training.experiments.compare_experiments import (  # noqa: PLC0415
        compare_experiments,
        is_experiment,
    )
    from training.table_file import write_table  # noqa: PLC0415

    if runs and is_experiment(runs[0]):
        experiments = compare_experiments(runs)
        shown = experiments.lines(as_json=log_json)
        if out is not None:
            write_table(experiments.table(), out)
        typer.echo("\n".join(shown))
        return
    named = [read_run(folder) for folder in runs or ()]
    found = compare_runs([*named, *(stored_runs(tracking_project) if tracking_project else ())])
    lines = comparison_lines(found, as_json=log_json)
    if out is not None:
        write_table(comparison_table(found), out)
        lines += [] if log_json else [f"output      {short(out.resolve())}"]
    typer.echo("\n".join(lines))


@app.command()
def recommend(
    *,
    bundle: Annotated[Path, typer.Option(help="Folder of a recommender, <run>/bundle.")],
    history: Annotated[
        Path, typer.Option(help="CSV or Parquet: person_id, item_id, time[, event_name].")
    ],
    out: Annotated[Path, typer.Option(help="Where to: a .parquet file.")],
    k: Annotated[int, typer.Option(help="Length of a list.")] = 20,
    items: Annotated[
        Path | None, typer.Option(help="CSV or Parquet with item_id: only these.")
    ] = None,
    catalog: Annotated[
        Path | None, typer.Option(help="CSV or Parquet with item_id and attributes: only these.")
    ] = None,
    merchandising: Annotated[
        Path | None, typer.Option(help="YAML of kind lists: fallback, boosts, pins, caps.")
    ] = None,
    for_item: Annotated[
        list[str] | None, typer.Option(help="Persons for this item instead; repeatable.")
    ] = None,
    top: Annotated[int, typer.Option(help="Persons per item.")] = 100,
    exclude_seen: Annotated[
        bool, typer.Option("--exclude-seen", help="Nothing from the person's own history.")
    ] = False,
    separator: Annotated[str, typer.Option(help="Between the fields of a CSV.")] = ",",
) -> None:
    """List items for the persons of any history file, or persons for items; each row with its reasons."""
    from serving.recommend_file import (  # noqa: PLC0415
        Wanted,
        recommend_file,
        require_known,
        write_found,
    )

    wanted = Wanted(
        k=k,
        items=items,
        exclude_seen=exclude_seen,
        catalog=catalog,
        lists=merchandising,
        for_items=tuple(for_item or ()),
        top=top,
        separator=separator,
    )
    found = recommend_file(bundle, history, wanted)
    write_found(found, out)
    typer.echo("\n".join([*found.lines(), f"output      {short(out.resolve())}"]))
    require_known(found)


@app.command()
def score(
    config: ConfigFile,
    overrides: Overrides = None,
    *,
    dry_run: DryRun = False,
    log_json: LogJson = False,
) -> None:
    """Decide whom to contact with what, for a campaign.yaml: the nightly job."""
    from serving.plans import plan_score  # noqa: PLC0415

    execute(plan_score(config, overrides or []), dry_run=dry_run, log_json=log_json)


@app.command()
def export(
    config: ConfigFile,
    overrides: Overrides = None,
    *,
    dry_run: DryRun = False,
    log_json: LogJson = False,
) -> None:
    """Write the files of an exports.yaml for ad platforms, after asking again who may be contacted."""
    from serving.plans import plan_export  # noqa: PLC0415

    execute(plan_export(config, overrides or []), dry_run=dry_run, log_json=log_json)


@app.command()
def why(
    config: FolderOrConfig,
    *,
    person: Annotated[str | None, typer.Option(help="Person id or login.")] = None,
    item: Annotated[str | None, typer.Option(help="Item id.")] = None,
) -> None:
    """Say in words why a person is contacted or not, or why an item is shown or not, by the decisions in force."""
    from serving.why.ask import why_lines  # noqa: PLC0415

    typer.echo("\n".join(why_lines(config, person=person, item=item)))


@app.command()
def audit(
    target: Annotated[
        Path,
        typer.Argument(help="Project folder, or a stored run of score or export.", metavar="DIR"),
    ],
    *,
    dry_run: DryRun = False,
    log_json: LogJson = False,
) -> None:
    """Read what was decided and exported again and check it against the facts; a violation ends with 1."""
    from serving.plans import plan_audit  # noqa: PLC0415

    execute(plan_audit(target), dry_run=dry_run, log_json=log_json)


@app.command()
def design(
    config: ConfigFile,
    overrides: Overrides = None,
    *,
    dry_run: DryRun = False,
    log_json: LogJson = False,
) -> None:
    """Reckon the test of a design.yaml before its launch: what it could find, how long, at which holdout share."""
    from serving.experiment_jobs import plan_design  # noqa: PLC0415

    execute(plan_design(config, overrides or []), dry_run=dry_run, log_json=log_json)


@app.command()
def measure(
    config: ConfigFile,
    overrides: Overrides = None,
    *,
    dry_run: DryRun = False,
    log_json: LogJson = False,
) -> None:
    """Measure the experiment of a measure.yaml: checks, then effects; a failed check ends with 1.

    An experiment.yaml is a simulated campaign: its lift beside the planted truth.
    """
    from serving.experiment_jobs import plan_measure  # noqa: PLC0415

    execute(plan_measure(config, overrides or []), dry_run=dry_run, log_json=log_json)


@app.command()
def proof(config: ConfigFile, overrides: Overrides = None) -> None:
    """Prove what decisions earn: policies beside an oracle, in made-up stores whose truth is known.

    Stopped, it goes on where it was. Writes the table and the page into the folder of the config.
    """
    from features.config import load_config  # noqa: PLC0415
    from serving.proof.config import ProofConfig  # noqa: PLC0415
    from serving.proof.prove import PAGE, prove  # noqa: PLC0415

    found = load_config(ProofConfig, config, overrides=overrides or [])
    prove(found, folder=config.parent, tell=typer.echo)
    typer.echo(f"page        {(config.parent / found.folder / PAGE).resolve()}")


@app.command()
def report(
    config: ConfigFile,
    overrides: Overrides = None,
    *,
    dry_run: DryRun = False,
    log_json: LogJson = False,
) -> None:
    """Write the report of a project.yaml from stored results."""
    from serving.plans import plan_report  # noqa: PLC0415

    execute(plan_report(config, overrides or []), dry_run=dry_run, log_json=log_json)


@app.command()
def erase(
    config: ConfigFile,
    overrides: Overrides = None,
    *,
    dry_run: DryRun = False,
    log_json: LogJson = False,
) -> None:
    """Remove the persons on the list of an erasure.yaml from every file of a workspace, with a proof."""
    from serving.plans import plan_erase  # noqa: PLC0415

    execute(plan_erase(config, overrides or []), dry_run=dry_run, log_json=log_json)


@app.command()
def doctor() -> None:
    """Show where the packages come from and which versions are installed."""
    from features.provenance import library_versions  # noqa: PLC0415
    from serving.doctor import package_origins  # noqa: PLC0415

    for name, origin in package_origins().items():
        typer.echo(f"{name:10} {origin}")
    for name, version in library_versions().items():
        typer.echo(f"{name:14} {version}")


def main() -> None:
    """Entry point: user errors become one line on stderr.

    Exit code 2: bad input or config. 1: a gate said no. 70: a defect of ours, with its traceback.
    """
    from serving.doctor import require_own_packages  # noqa: PLC0415

    try:
        require_own_packages()
        app()
    except RetargetError as error:
        typer.echo(f"\n{type(error).__name__}: {error}", err=True)
        sys.exit(error.exit_code)
    except Exception:  # noqa: BLE001 - a defect must not look like a gate, whose exit code is 1
        traceback.print_exc()
        sys.exit(_DEFECT)
