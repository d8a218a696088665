# make run         start the dashboard
# make test        format check, lint, type check and all tests
# make format      format the code
# make check-recipes  train all recipes and check the results
# make benchmark     measure speed beside other frameworks, and write benchmarks/results.md (about 15 minutes)
# make gpu           what needs an NVIDIA GPU: its tests, the training tests on it, and its benchmark (about 10 minutes)

SHELL := /bin/sh
PY := .venv/bin/python
ARGS ?=

# one thread per process: test processes and workers share the cores
TEST_ENV := OMP_NUM_THREADS=1 STREAMLIT_BROWSER_GATHER_USAGE_STATS=false

.PHONY: run test format lint types check-recipes benchmark gpu install install-dev chromium clean

run: install
	@trap 'exit 0' INT; $(PY) -m streamlit run app.py $(ARGS) || [ $$? -eq 130 ]  # 130: ended by Ctrl-C

test: install-dev lint types chromium
	$(TEST_ENV) $(PY) -m pytest -n 2 --dist worksteal --ignore=tests/browser
	$(TEST_ENV) $(PY) -m pytest tests/browser

lint: install-dev
	$(PY) -m ruff format --check .
	$(PY) -m ruff check .

types: install-dev
	$(PY) -m mypy

format: install-dev
	$(PY) -m ruff check --fix-only --quiet .
	$(PY) -m ruff format .

chromium: install-dev
	@$(PY) tools/ensure_chromium.py

check-recipes: install
	$(PY) benchmarks/check_recipes.py $(ARGS)

# the other frameworks have an environment of their own; without it, the rest is measured
benchmark: install-dev chromium
	@sh tools/install.sh benchmarks/requirements.txt .venv-benchmark || echo "the other frameworks are left out"
	$(PY) benchmarks/benchmark.py $(ARGS)

gpu: install-dev
	@PY=$(PY) sh benchmarks/gpu.sh

install:
	@sh tools/install.sh requirements.txt

install-dev:
	@sh tools/install.sh requirements-dev.txt

clean:
	rm -rf .venv .venv-benchmark benchmarks/.results* .mypy_cache .ruff_cache .pytest_cache .hypothesis
