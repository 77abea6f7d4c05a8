# One task list for developers and CI.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
READY_SPARK := $(VENV)/.ready-spark

.PHONY: demo test check format docs bench proof proof-small clean
.DEFAULT_GOAL := demo

demo: $(READY)  ## set-up, then the main job on The Complete Journey
	$(BIN)/retarget run configs/complete_journey

test: $(READY) $(READY_SPARK)  ## set-up (with Spark: 0.5 GB), then every test
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile

check: $(READY)  ## lint, format, types, layers, the map of modules
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python .ci/module_map.py --check

format: $(READY)
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

docs: $(READY)  ## rewrite the map of modules in CONTRIBUTING.md, and the notebooks from their texts
	$(BIN)/python .ci/module_map.py
	$(BIN)/jupytext --quiet --to ipynb --update notebooks/*.py

bench: $(READY)  ## speed beside the peers, as ratios
	$(BIN)/python -m benchmarks

proof: $(READY)  ## what decisions earn, proved in made-up stores; goes on where it stopped
	$(BIN)/retarget proof configs/simulated_store/proof.yaml

proof-small: $(READY)  ## the same in two small stores: does it run, not what is reached
	$(BIN)/retarget proof configs/simulated_store/proof.yaml folder=../../workspace/proof_small seeds=2 store.persons=3000

clean:  ## remove the outputs of the demo (not the virtual environment)
	rm -rf workspace

$(READY): requirements.txt pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps --editable .
	touch $(READY)

$(READY_SPARK): requirements-spark.txt $(READY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement requirements-spark.txt
	touch $(READY_SPARK)
