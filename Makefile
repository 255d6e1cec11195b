# The two commands a user needs: `make demo` and `make test`.
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/pip --quiet --disable-pip-version-check

.PHONY: demo test torch test-torch test-mds test-clusters test-clusters-faults test-lowest engines check links kernels lock dist docs reference \
	bench does-it-help

# Versions of packages are those of constraints.txt, so that every checkout has the same environment.
$(BIN)/curricle: pyproject.toml setup.py constraints.txt
	$(PYTHON) -m venv .venv
	$(PIP) install --upgrade 'pip>=25.1'
	$(PIP) install -c constraints.txt -e .
	touch $@

$(BIN)/pytest: $(BIN)/curricle
	$(PIP) install -c constraints.txt --group dev
	touch $@

demo: $(BIN)/curricle
	$(BIN)/curricle demo --output demo-output

# Two at a time, the tests of a file one after the other: many wait for processes that they started.
test: $(BIN)/pytest
	$(BIN)/python -m pytest -n 2 --dist loadfile

# After a change to a kernel (*.pyx, *.pxd, *.h): compiles what changed.
kernels: $(BIN)/pytest
	$(BIN)/python setup.py --quiet build_ext --inplace

# What needs PyTorch: raters that run a model, the training example, datatrove's loader. 3 GB are downloaded, 5 GB are installed.
torch: $(BIN)/pytest
	$(PIP) install -c constraints.txt -e '.[torch]'

test-torch: torch
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest tests/benchmarks tests/examples tests/models/test_rater_classifier.py \
		tests/models/test_rater_generate.py tests/pipelines/test_curriculum_formats.py

# MosaicML's package wants older versions of NumPy and transformers: an environment of its own, as large.
test-mds:
	$(PYTHON) -m venv .venv-mds
	.venv-mds/bin/pip install --quiet --disable-pip-version-check -e '.[mds,tokenizers]' duckdb hypothesis pytest pytest-timeout
	.venv-mds/bin/python -m pytest tests/pipelines/test_curriculum_formats.py -k mds

# The oldest versions that pyproject.toml allows, in an environment of their own: the main job, and the tests of what reads,
# measures and writes.
test-lowest:
	$(PYTHON) -m venv .venv-lowest
	.venv-lowest/bin/pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1' uv
	.venv-lowest/bin/uv pip compile --quiet --resolution lowest-direct --extra datatrove --extra train --group test pyproject.toml \
		-o .venv-lowest/lowest.txt
	.venv-lowest/bin/pip install --quiet --disable-pip-version-check -c .venv-lowest/lowest.txt -e . --group test
	.venv-lowest/bin/curricle demo --output .venv-lowest/demo-output
	.venv-lowest/bin/python -m pytest -n 2 --dist loadfile tests/stages tests/schemas

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
links:
	mkdir -p .types/curricle
	cd .types/curricle && ln -sfn ../../schemas ../../models ../../stages ../../pipelines ../../curricle/* .

check: $(BIN)/pytest links
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# A wheel and a source distribution, in dist/; the wheel built from the latter runs the main job in an environment of its own.
dist: $(BIN)/pytest
	rm -rf dist build/from-sdist
	$(BIN)/python -m build --outdir dist
	$(BIN)/twine check --strict dist/*
	$(PYTHON) -m venv build/from-sdist
	build/from-sdist/bin/pip install --quiet --disable-pip-version-check -c constraints.txt dist/*.whl
	cd build/from-sdist && bin/curricle demo --output demo-output && bin/python -c 'import curricle; curricle.score(["A text."])'

# The reference pages that are made from the code: recipe, plan file, data model, commands, rules, errors.
reference: $(BIN)/curricle
	$(BIN)/python -P docs/generate.py

# The site, in site/; links inside it are checked.
docs: $(BIN)/pytest
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

# Resolves the newest versions that pyproject.toml allows, for every supported Python.
lock: $(BIN)/pytest
	$(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --no-annotate --no-header --group dev pyproject.toml \
		-o constraints.txt

# DATA: the folder of the test collections. NEMO: --nemo PYTHON, of an environment with nemo-curator and fasttext-community. The table and
# the chart go into docs/benchmarks.md.
bench: $(BIN)/pytest
	$(BIN)/python benchmarks/main_job.py --data $(or $(DATA),../shared/data) --parts compare $(NEMO) --write docs

# Half an hour. The transformer is left out where torch and transformers are not installed: .venv/bin/pip install -e '.[torch]'
does-it-help: $(BIN)/pytest
	$(BIN)/python benchmarks/does_it_help.py --data $(or $(DATA),../shared/data) --write docs
