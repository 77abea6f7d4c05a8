"""A bundle as an MLflow model: a folder that a plain MLflow client loads, without this package and without a pickle.

MLmodel, requirements.txt, …      what MLflow needs to know
<kind>.py                         the code that loads the bundle and answers
code/features, code/training      the source it imports
artifacts/bundle                  the bundle itself
input_example.json                made-up rows, nobody's
"""

from __future__ import annotations

import shutil
from importlib import metadata
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, NamedTuple

import pandas as pd

from features import columns as c
from training.bundle import read_bundle
from training.recommenders import registry
from training.uplift.model import KIND, UpliftModel

BUNDLE_PATH: Final = "artifacts/bundle"
"""Where the bundle lies inside the folder."""

REQUIREMENTS: Final = (
    "mlflow",
    "lightgbm",
    "numba",
    "numpy",
    "pandas",
    "pyarrow",
    "pydantic",
    "pyyaml",
    "scikit-learn",
    "scipy",
    "threadpoolctl",
)
"""What the code of a model imports."""

_BUNDLE: Final = "bundle"
_PACKAGES: Final = ("features", "training")
_SOURCE_FILES: Final = (".py", ".csv")
_FLAVOUR: Final = "python_function"
_DAY: Final = 86_400.0
_EXAMPLE_ITEMS: Final = 3


class _Form(NamedTuple):
    """What goes in and comes out of a kind of model."""

    code: str
    inputs: list[tuple[str, Any, bool]]
    outputs: list[tuple[str, str]]
    params: list[tuple[str, str, Any]]
    example: pd.DataFrame


def write_model_folder(folder: Path, *, bundle: Path) -> None:
    """Write the MLflow model of a recommender or an uplift model into a folder that does not exist yet.

    Args:
        folder: where to.
        bundle: folder of the model.

    Raises:
        InputError: not an intact bundle.
    """
    from mlflow import pyfunc  # noqa: PLC0415

    is_uplift = read_bundle(bundle).kind == KIND
    form = _uplift_form(bundle) if is_uplift else _recommender_form(bundle)
    root = Path(__file__).parent.parent
    with TemporaryDirectory() as fresh:
        staged = Path(fresh)
        shutil.copytree(bundle, staged / _BUNDLE)
        for package in _PACKAGES:
            shutil.copytree(root.parent / package, staged / package, ignore=_all_but_source)
        pyfunc.save_model(
            folder,
            python_model=str(root / "model_code" / form.code),
            artifacts={_BUNDLE: str(staged / _BUNDLE)},
            code_paths=[str(staged / package) for package in _PACKAGES],
            signature=_signature(form),
            input_example=form.example,
            pip_requirements=[f"{name}=={metadata.version(name)}" for name in REQUIREMENTS],
        )
    _forget_this_machine(folder)


def _recommender_form(bundle: Path) -> _Form:
    items = registry.load(bundle).item_ids[:_EXAMPLE_ITEMS].tolist()
    example = pd.DataFrame(
        {
            c.PERSON_ID: ["example"] * len(items),
            c.ITEM_ID: items,
            c.TIME: [_DAY * number for number in range(len(items))],
        }
    )
    return _Form(
        code="recommender.py",
        inputs=[
            (c.PERSON_ID, None, True),
            (c.ITEM_ID, None, True),
            (c.TIME, None, True),
            (c.EVENT_NAME, "string", False),
        ],
        outputs=[
            (c.PERSON_ID, "string"),
            (c.RANK, "long"),
            (c.ITEM_ID, "string"),
            (c.SCORE, "float"),
            (c.LEVEL, "string"),
        ],
        params=[("k", "long", 20), ("exclude_seen", "boolean", False), ("items", "string", [])],
        example=example,
    )


def _uplift_form(bundle: Path) -> _Form:
    model = UpliftModel.load(bundle)
    names, levels = model.encoding.names, model.encoding.levels
    return _Form(
        code="uplift.py",
        inputs=[(name, "string" if name in levels else None, True) for name in names],
        outputs=[(c.UPLIFT, "double"), (c.BASE_OUTCOME, "double")],
        params=[],
        example=pd.DataFrame(
            {
                name: [levels[name][0] if name in levels else _middle(model.profile.edges[name])]
                for name in names
            }
        ),
    )


def _middle(edges: tuple[float, ...]) -> float:
    """The median of the training rows, or 0 where they are all missing."""
    return edges[len(edges) // 2] if edges else 0.0


def _signature(form: _Form) -> Any:
    """MLflow's signature. Numbers and ids are of any type: MLflow would refuse whole numbers where it expects others."""
    from mlflow.models import ModelSignature  # noqa: PLC0415
    from mlflow.types import ColSpec, DataType, ParamSchema, ParamSpec, Schema  # noqa: PLC0415
    from mlflow.types.schema import AnyType  # noqa: PLC0415

    return ModelSignature(
        inputs=Schema(
            [
                ColSpec(type_ or AnyType(), name, required=required)
                for name, type_, required in form.inputs
            ]
        ),
        outputs=Schema([ColSpec(type_, name) for name, type_ in form.outputs]),
        params=ParamSchema(
            [
                ParamSpec(name, DataType[type_], default, shape=(-1,) if default == [] else None)
                for name, type_, default in form.params
            ]
        )
        if form.params
        else None,
    )


def _all_but_source(folder: str, names: list[str]) -> list[str]:
    return [
        name
        for name in names
        if Path(name).suffix not in _SOURCE_FILES
        and (name == "__pycache__" or not (Path(folder) / name).is_dir())
    ]


def _forget_this_machine(folder: Path) -> None:
    """Write the addresses in the MLmodel file as places inside the folder; MLflow writes where they came from."""
    from mlflow.models import Model  # noqa: PLC0415

    path = str(folder / "MLmodel")
    model = Model.load(path)
    flavour = model.flavors[_FLAVOUR]
    flavour["model_code_path"] = Path(flavour["model_code_path"]).name
    flavour["artifacts"][_BUNDLE]["uri"] = BUNDLE_PATH
    model.save(path)
