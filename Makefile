# The two commands a user needs: `make demo` and `make test`.
PYTHON ?= python3
BIN := .venv/bin
COMPILED := curricle.models.kenlm curricle.models.raters curricle.pipelines.curriculum

.PHONY: .types demo test torch test-torch test-mds test-clusters test-clusters-faults engines check compiled bench does-it-help

$(BIN)/curricle: pyproject.toml setup.py
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -e .
	touch $@

$(BIN)/pytest: $(BIN)/curricle
	$(BIN)/pip install --quiet --disable-pip-version-check -e '.[test,check]'
	touch $@

demo: $(BIN)/curricle
	$(BIN)/curricle demo --output demo-output

# Two at a time, a file's tests one after the other: many wait for processes of theirs.
test: $(BIN)/pytest
	$(BIN)/python -m pytest -n 2 --dist loadfile

# What needs PyTorch: raters that run a model, the training example, datatrove's loader. 3 GB come down, 5 GB are installed.
torch: $(BIN)/pytest
	$(BIN)/pip install --quiet --disable-pip-version-check -e '.[torch]'

test-torch: torch
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest tests/benchmarks tests/examples tests/models/test_rater_classifier.py \
		tests/models/test_rater_generate.py tests/pipelines/test_curriculum_formats.py

# MosaicML's package wants older versions of NumPy and transformers: an environment of its own, as large.
test-mds:
	$(PYTHON) -m venv .venv-mds
	.venv-mds/bin/pip install --quiet --disable-pip-version-check -e '.[mds,tokenizers]' duckdb hypothesis pytest pytest-timeout
	.venv-mds/bin/python -m pytest tests/pipelines/test_curriculum_formats.py -k mds

# Needs Java, Maven and Go.
engines: $(BIN)/curricle
	for runner in Spark Flink Prism; do $(BIN)/curricle doctor --runner $${runner}Runner --get || exit 1; done

# Prism, Spark and Flink for real, and a cluster of each of the latter; their programs come into the user's cache once (460 MB).
test-clusters: $(BIN)/pytest
	$(BIN)/python -m pytest -m cluster tests/clusters

# Everything killed that can be: workers, executors, drivers; full disks, larger inputs. Half an hour.
test-clusters-faults: $(BIN)/pytest
	$(BIN)/python -m pytest -m cluster_faults tests/clusters

# For mypy, which does not follow the finders of editable installs: the package as a folder of links.
.types: $(BIN)/pytest
	mkdir -p $@/curricle
	cd $@/curricle && ln -sfn ../../schemas ../../models ../../stages ../../pipelines ../../curricle/* .

check: $(BIN)/pytest .types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m curricle.models.compiled.build --check $(COMPILED)

# After a change to a compiled function: writes the packages' compiled.bin, which ship. A minute.
compiled: $(BIN)/pytest
	$(BIN)/python -m curricle.models.compiled.build $(COMPILED)

# DATA: the folder of the test collections. NEMO: --nemo PYTHON, of an environment with nemo-curator and fasttext-community. The table and
# the chart go into docs/benchmarks.md.
bench: $(BIN)/pytest
	$(BIN)/python benchmarks/main_job.py --data $(or $(DATA),../shared/data) --parts compare $(NEMO) --write docs

# Half an hour. The transformer is left out where torch and transformers are not installed: .venv/bin/pip install -e '.[torch]'
does-it-help: $(BIN)/pytest
	$(BIN)/python benchmarks/does_it_help.py --data $(or $(DATA),../shared/data) --write docs
