# The two commands a user needs: `make demo` and `make test`.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test test-clusters check bench does-it-help

$(BIN)/curricle: pyproject.toml setup.py
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -e .
	touch $@

$(BIN)/pytest: $(BIN)/curricle
	$(BIN)/pip install --quiet --disable-pip-version-check -e '.[test,check]'
	touch $@

demo: $(BIN)/curricle
	$(BIN)/curricle demo --output demo-output

test: $(BIN)/pytest
	$(BIN)/python -m pytest

# Prism, Spark and Flink for real; their programs come into the user's cache once (460 MB, 7 minutes).
test-clusters: $(BIN)/pytest
	$(BIN)/python -m pytest -m cluster tests/clusters

check: $(BIN)/pytest
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# DATA: the folder of the test collections. The table and the chart go into docs/benchmarks.md.
bench: $(BIN)/pytest
	$(BIN)/python benchmarks/main_job.py --data $(or $(DATA),../shared/data) --parts compare --write docs

# Half an hour. The transformer is left out where torch and transformers are not installed: .venv/bin/pip install -e '.[torch]'
does-it-help: $(BIN)/pytest
	$(BIN)/python benchmarks/does_it_help.py --data $(or $(DATA),../shared/data) --write docs
