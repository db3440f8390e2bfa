# One command each; the first one makes .venv by itself. `make PYTHON=python3.12 …` chooses another Python.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
WORKERS ?= 2
# The whole suite loads nbval, which unit tests alone do without; a notebook stays in one process.
NOTEBOOKS := -o addopts="--strict-markers --strict-config -ra" --nbval-lax --nbval-cell-timeout=600 --dist loadfile
export OMP_NUM_THREADS ?= 1
export OPENBLAS_NUM_THREADS ?= 1

.DEFAULT_GOAL := help
.PHONY: help demo test check notebooks bench app lab lock clean

help:  ## list the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(READY): requirements.lock pyproject.toml .ci/bootstrap.py
	@$(PYTHON) .ci/bootstrap.py

demo: $(READY)  ## the main job, end to end: simulate, tune, compare, promote, serve
	@SHOPR_PROGRESS=1 $(BIN)/shopr demo

test: $(READY)  ## every test and every notebook
	@$(BIN)/python -m pytest $(NOTEBOOKS) -n $(WORKERS) -q tests $(wildcard notebooks/*.ipynb)

check: $(READY)  ## format, lint, types, layers, dead links, lock in step
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/python .ci/links.py
	@$(BIN)/python .ci/lock.py --check

notebooks: $(READY)  ## the notebooks alone
	@$(BIN)/python -m pytest $(NOTEBOOKS) -n $(WORKERS) -q -p tests.conftest $(wildcard notebooks/*.ipynb)

bench: $(READY)  ## speed and quality against peers, a table each; takes hours
	@set -e; for file in benchmarks/[a-z]*.py; do echo "== $$file"; $(BIN)/python $$file; done

app: $(READY)  ## the Streamlit app
	@$(BIN)/shopr app

lab: $(READY)  ## JupyterLab on the notebooks
	@$(BIN)/jupyter lab --notebook-dir notebooks

lock: $(READY)  ## resolve the dependencies anew
	@$(BIN)/python .ci/lock.py

clean:  ## remove .venv and caches; data and runs stay
	@rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache .coverage .coverage.* htmlcov build dist reports
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
