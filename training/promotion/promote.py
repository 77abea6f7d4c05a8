"""The step that decides which version is in force: once per training and champion, recorded, safe to repeat."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from features.errors import ConfigError, GateError, WorkspaceError
from features.run import Run, RunWriter
from features.store import Workspace
from training.models.registry import CHALLENGER, CHAMPION, ModelRegistry, ModelVersion
from training.promotion.config import RecommenderGate, UpliftGate
from training.promotion.gate import Check, Decision, Outcome, decided

DECISIONS: Final = "promotion.json"

_AGAINST: Final = "retarget.against"
_FORCED: Final = "retarget.forced"
_WITHDRAWN: Final = "retarget.withdrawn"
"""Tags of versions: key of the champion at the decision, why it was forced, why another was forced in its place."""

_DECISION: Final = "retarget.decision"
_REASON: Final = "retarget.reason"
_NONE: Final = "none"
_TAG_LENGTH: Final = 4_000  # MLflow takes 5,000

Compare = Callable[[ModelVersion, ModelVersion], Sequence[Check]]
"""The checks of a new version (first) against the one in force (second)."""


@dataclass(frozen=True)
class Contest:
    """The models of one training, and how their versions are compared.

    Attributes:
        step: name of the step that decides.
        workspace: where its runs go.
        registry: where the versions are.
        training: name of the step that trains.
        models: names of the models that a run of it registers.
        gate: metrics and margins.
        compare: how a version is compared with the one in force.
    """

    step: str
    workspace: Workspace
    registry: ModelRegistry
    training: str
    models: Callable[[Run], Sequence[str]]
    gate: RecommenderGate | UpliftGate
    compare: Compare


def promote_trained(contest: Contest) -> Run:
    """Decide on the versions that the last training registered.

    Raises:
        WorkspaceError: nothing was trained yet, or what the comparison needs is gone.
    """
    run = contest.workspace.current(contest.training)
    found = [contest.registry.with_key(model, run.run_id) for model in contest.models(run)]
    return promote(contest, found)


def promote_asked(
    contest: Contest, *, model: str | None = None, number: int | None = None, force: str = ""
) -> Run:
    """Decide on versions by hand.

    Args:
        contest: of their training.
        model: name in the registry; None = all of the training.
        number: of the version; None = the challenger.
        force: why it is put in force whatever the comparison says; empty = the comparison decides.

    Raises:
        ConfigError: no such model, or a number without saying of which model.
        WorkspaceError: no such version, no challenger, or what the comparison needs is gone.
    """
    names = contest.models(contest.workspace.current(contest.training))
    if (model is not None and model not in names) or (number is not None and len(names) > 1):
        raise ConfigError(
            "model",
            f"is {model!r}",
            rule=f"this training registers {', '.join(names)}",
            next_step="Name one of them with --model.",
        )
    registry, asked = contest.registry, names if model is None else [model]
    found = [
        registry.with_alias(name, CHALLENGER) if number is None else registry.version(name, number)
        for name in asked
    ]
    versions = [version for version in found if version is not None]
    if not versions:
        raise WorkspaceError(
            f"model '{asked[0]}'",
            f"has no version with the alias '{CHALLENGER}'",
            rule="a version that is not in force can be promoted",
            next_step="Train one, or name a version with --version.",
        )
    return promote(contest, versions, force=force)


def promote(contest: Contest, versions: Sequence[ModelVersion], *, force: str = "") -> Run:
    """Decide, record, and let the aliases point to what is in force now.

    The first version of a model is put in force unasked. The same version against the same champion is decided once;
    called again, the finished decision is found.

    Returns:
        The run with `promotion.json`: every check, its margin, and what became of each version.
    """
    registry = contest.registry
    champions = {v.model: _in_force(registry, v.model) for v in versions}
    inputs = _inputs(versions, champions, force)

    def compute(writer: RunWriter, figures: dict[str, Any]) -> None:
        found = [
            _decide(version, champions[version.model], contest.compare, force)
            for version in versions
        ]
        writer.json(DECISIONS, [decision.as_dict() for decision in found])
        figures |= {
            "decision": ", ".join(f"{d.model} v{d.version} {d.outcome}" for d in found),
            "reasons": [decision.line() for decision in found],
        }

    run = contest.workspace.carry_out(
        contest.step, compute, config=contest.gate, inputs=inputs, layer="training"
    )
    for version, told in zip(versions, run.json(DECISIONS), strict=True):
        champion = champions[version.model]
        if force and champion is not None and champion.number != version.number:
            registry.label(champion, {_WITHDRAWN: force})
        _apply(registry, version, told, against=inputs[_input(version)], force=force)
    return run


def decision_lines(run: Run) -> list[str]:
    """What was decided and why, a line per version."""
    return list(run.manifest["figures"]["reasons"])


def require_promoted(run: Run) -> None:
    """Refuse to go on when a version was refused.

    Raises:
        GateError: with the checks that failed.
    """
    for told in run.json(DECISIONS):
        if told["outcome"] == Outcome.REFUSED:
            raise GateError(
                f"model '{told['model']}'",
                f"version {told['version']} is not promoted: {told['reason']}",
                rule="a version takes the place of another when it is shown not to be worse",
                next_step="Train a better one, or give the reason to promote it nevertheless with --force.",
            )


def _in_force(registry: ModelRegistry, model: str) -> ModelVersion | None:
    """The version in force; None when there is none that could be loaded."""
    found = registry.with_alias(model, CHAMPION)
    return found if found is not None and found.intact else None


def _inputs(
    versions: Sequence[ModelVersion], champions: Mapping[str, ModelVersion | None], force: str
) -> dict[str, str]:
    """What the decision depends on: the versions, and what was in force when they were first decided on."""
    inputs: dict[str, str] = {}
    for version in versions:
        champion = champions[version.model]
        inputs[f"version.{version.model}"] = version.key
        in_force = champion is not None and champion.number == version.number
        against = champion.key if champion is not None else _NONE
        inputs[_input(version)] = version.tags.get(_AGAINST, against) if in_force else against
        forced = force or (version.tags.get(_FORCED, "") if in_force else "")
        withdrawn = version.tags.get(_WITHDRAWN, "")
        if forced:
            inputs[f"forced.{version.model}"] = forced
        elif withdrawn and not in_force:
            inputs[f"withdrawn.{version.model}"] = withdrawn
    return inputs


def _input(version: ModelVersion) -> str:
    return f"against.{version.model}"


def _decide(
    version: ModelVersion, champion: ModelVersion | None, compare: Compare, force: str
) -> Decision:
    model, number = version.model, version.number
    if champion is None:
        return Decision(model, number, None, Outcome.FIRST, "there was none in force")
    if champion.number == number:
        return Decision(model, number, number, Outcome.IN_FORCE, "nothing to decide")
    if force:
        return Decision(model, number, champion.number, Outcome.FORCED, force)
    withdrawn = version.tags.get(_WITHDRAWN)
    if withdrawn:
        reason = f"it was taken out of force by hand ({withdrawn})"
        return Decision(model, number, champion.number, Outcome.REFUSED, reason)
    try:
        return decided(model, number, champion.number, compare(version, champion))
    except GateError as error:
        return Decision(model, number, champion.number, Outcome.REFUSED, str(error))


def _apply(
    registry: ModelRegistry,
    version: ModelVersion,
    told: Mapping[str, Any],
    *,
    against: str,
    force: str,
) -> None:
    if told["outcome"] == Outcome.IN_FORCE:
        return
    labels = {
        _AGAINST: against,
        _DECISION: told["outcome"],
        _REASON: told["reason"][:_TAG_LENGTH],
    }
    registry.label(version, labels | ({_FORCED: force, _WITHDRAWN: ""} if force else {}))
    if told["outcome"] != Outcome.REFUSED:
        registry.put_in_force(version)
