# Run `make help` for what can be made.

PYTHON ?= python3
BIN := .venv/bin
LOWEST := .venv-lowest/bin
DEMO ?= demo-mix
DATA ?= ../shared/data
BASE ?= main
AXE := 4.14.1
TRAINERS := trl==1.16.0 llamafactory==0.9.5 torchtune==0.6.1 ms-swift==4.6.0 openai==3.57.0 \
  unsloth_zoo==2026.10.9 axolotl==0.19.0,addict==2.4.0,colorama==0.4.6,requests==2.34.2

# Compiled modules are kept, also where the environment says otherwise: tests start twice as fast.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo quick test test-all test-lowest reference lint browser bench bench-large \
  bench-report bench-target bench-data clean

help:  ## show this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1\t\2/p' Makefile | expand -t 20

demo: .venv/demo.installed  ## run the main job on the demo data that comes with the package
	$(BIN)/instructdiv demo --output $(DEMO) --overwrite

quick: .venv/dev.installed lint  ## lint, types, tests of what differs from BASE (main), common tests
	$(BIN)/pytest -n 2 -q -m "not slow" --smallest-pools $$($(BIN)/python tests/touched.py $(BASE))

test: .venv/dev.installed .venv/trainers.installed lint  ## lint, types, all tests but the slow ones
	@if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then $(MAKE) browser; fi
	$(BIN)/pytest -n 2 -m "not slow"

test-all: .venv/dev.installed .venv/trainers.installed lint  ## slow tests too, on new random examples
	@if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then $(MAKE) browser; fi
	HYPOTHESIS_PROFILE=other $(BIN)/pytest -n 2

test-lowest: .venv-lowest/installed  ## properties, README and docs with the lowest versions declared
	$(LOWEST)/python -m pytest -n 2 tests/properties
	$(LOWEST)/python -m pytest -n 2 tests/test_documents.py -k "page_run or example_runs"

reference: .venv/dev.installed  ## docs/reference and docs/summary.schema.json from the docstrings
	$(BIN)/python -m tests.reference

lint: .venv/dev.installed  ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

browser: .venv/browser.installed  ## install what tests of the report page need (root on Debian)

bench: .venv/dev.installed  ## speed and memory beside peers, as ratios in one run
	$(BIN)/pytest tests/benchmarks -n 0 --benchmark-only --benchmark-columns=min,median,rounds -s

bench-large: .venv/dev.installed  ## pools of up to 200,000 rows: time, growth and peak memory
	PYTHONPATH=. $(BIN)/python tests/benchmarks/large.py

bench-report: .venv/dev.installed  ## reports on up to 100,000 rows: time, growth, memory, bytes
	PYTHONPATH=. $(BIN)/python tests/benchmarks/report.py

bench-target: .venv/dev.installed  ## choosing and ordering for a target: up to 1,000,000 rows
	PYTHONPATH=. $(BIN)/python tests/benchmarks/target.py

bench-data: .venv/dev.installed  ## selections on labelled data in DATA (../shared/data), if there
	PYTHONPATH=. $(BIN)/python tests/benchmarks/labelled_data.py $(DATA)
	PYTHONPATH=. $(BIN)/python tests/benchmarks/target_data.py $(DATA)

clean:  ## remove everything that was installed or written here
	rm -rf .venv .venv-lowest .artifacts $(DEMO) .mypy_cache .pytest_cache .ruff_cache .hypothesis .benchmarks
	find instructdiv tests examples -name __pycache__ -prune -exec rm -rf {} +

.venv/demo.installed: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[offline]"
	touch $@

.venv/dev.installed: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[offline,dev]"
	touch $@ .venv/demo.installed

# pip installs torch, of which it may know a CPU build, and what tests are run with; uv the lowest
# of everything else that pyproject.toml names.
.venv-lowest/installed: pyproject.toml constraints.txt
	rm -rf .venv-lowest && $(PYTHON) -m venv .venv-lowest
	$(LOWEST)/python -m pip install --quiet --disable-pip-version-check --no-deps -c constraints.txt torch
	$(LOWEST)/python -m pip install --quiet --disable-pip-version-check uv
	$(LOWEST)/python -m uv pip install --quiet --python $(LOWEST)/python --resolution lowest-direct \
	  -c constraints.txt -e ".[offline,map,transport]"
	$(LOWEST)/python -m uv pip install --quiet --python $(LOWEST)/python -c constraints.txt \
	  hypothesis pytest pytest-benchmark pytest-xdist
	touch $@

# Without a browser or axe-core, pytest skips the tests that need them and names these.
.venv/browser.installed: Makefile | .venv/dev.installed
	@if ! command -v chromium >/dev/null || ! command -v chromedriver >/dev/null || \
	  ! command -v npm >/dev/null; then \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
	    --no-install-recommends chromium chromium-driver fonts-liberation npm >/dev/null || true; \
	  else echo "Only root on Debian can install chromium, chromium-driver and npm here:" \
	    "tests/report/rendering/test_browser.py will be skipped."; fi; fi
	@if command -v npm >/dev/null; then \
	  npm install --silent --no-audit --no-fund --prefix .venv/axe axe-core@$(AXE) || true; \
	else echo "npm is missing: the accessibility of the page will not be tested."; fi
	@if command -v chromium >/dev/null && [ -d .venv/axe/node_modules ]; then touch $@; fi

# Each trainer's own code, without its dependencies, in a folder of its own. Where one cannot be
# installed, pytest skips its tests and names them.
.venv/trainers.installed: Makefile | .venv/dev.installed
	@for trainer in $(TRAINERS); do \
	  folder=.venv/trainers/$${trainer%%=*}; rm -rf $$folder; \
	  $(BIN)/python -m pip install -qq --disable-pip-version-check --no-deps --no-compile \
	  --target $$folder $$(echo $$trainer | tr , ' ') || { rm -rf $$folder; missing=1; \
	  echo "$$trainer cannot be installed here: tests/exporters/test_trainers.py skips its tests."; }; \
	done; [ -n "$$missing" ] || touch $@
