# make run         start the dashboard
# make test        format check, lint, type check and all tests
# make format      format the code
# make check-recipes, make bench: train all recipes; measure speed

SHELL := /bin/sh
PY := .venv/bin/python
ARGS ?=

# one thread per process: test processes and workers share the cores
TEST_ENV := OMP_NUM_THREADS=1 STREAMLIT_BROWSER_GATHER_USAGE_STATS=false

.PHONY: run test format lint types check-recipes bench install install-dev chromium clean

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

bench: install-dev chromium
	$(PY) benchmarks/step_time.py
	$(PY) benchmarks/click_to_point.py
	$(PY) benchmarks/watched.py

install:
	@sh tools/install.sh requirements.txt

install-dev:
	@sh tools/install.sh requirements-dev.txt

clean:
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis
