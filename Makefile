# make demo      the main job on the demo data that comes with the package
# make test      lint, types, tests, doctests, README blocks; the page in a real browser
#                (needs chromium, chromium-driver and npm: installed here as root on Debian)
# make test-all  the slow tests too, and properties on examples that are others each time
# make test-lowest  properties, README and docs with the lowest versions that pyproject.toml allows
# make reference  docs/reference and docs/summary.schema.json anew, from the docstrings
# make bench     speed and memory against peers, as ratios in one run
# make bench-large  pools of up to 200,000 rows: time, growth and peak memory
# make bench-report  the report on pools of up to 100,000 rows: time, growth, memory, bytes
# make bench-target  choosing and ordering for a target: 200,000 and 1,000,000 rows
# make bench-data  selection on real labelled data in ../shared/data, where it is there

PYTHON ?= python3
BIN := .venv/bin
LOWEST := .venv-lowest/bin
DEMO ?= demo-mix
DATA ?= ../shared/data
AXE := 4.14.1
TRAINERS := trl==1.16.0 llamafactory==0.9.5 torchtune==0.6.1 ms-swift==4.6.0 openai==3.57.0 \
  unsloth_zoo==2026.10.9 axolotl==0.19.0,addict==2.4.0,colorama==0.4.6,requests==2.34.2

.PHONY: demo test test-all test-lowest reference bench bench-large bench-report bench-target bench-data lint clean

demo: .venv/demo.installed
	$(BIN)/instructdiv demo --output $(DEMO) --overwrite

test: .venv/dev.installed .venv/browser.installed .venv/trainers.installed lint
	$(BIN)/pytest -n 2 -m "not slow"

test-all: .venv/dev.installed .venv/browser.installed .venv/trainers.installed lint
	HYPOTHESIS_PROFILE=other $(BIN)/pytest -n 2

test-lowest: .venv-lowest/installed
	$(LOWEST)/python -m pytest -n 2 tests/properties
	$(LOWEST)/python -m pytest -n 2 tests/test_documents.py -k "page_run or example_runs"

reference: .venv/dev.installed
	$(BIN)/python -m tests.reference

lint: .venv/dev.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: .venv/dev.installed
	$(BIN)/pytest tests/benchmarks -n 0 --benchmark-only --benchmark-columns=min,median,rounds -s

bench-large: .venv/dev.installed
	PYTHONPATH=. $(BIN)/python tests/benchmarks/large.py

bench-report: .venv/dev.installed
	PYTHONPATH=. $(BIN)/python tests/benchmarks/report.py

bench-target: .venv/dev.installed
	PYTHONPATH=. $(BIN)/python tests/benchmarks/target.py

bench-data: .venv/dev.installed
	PYTHONPATH=. $(BIN)/python tests/benchmarks/labelled_data.py $(DATA)
	PYTHONPATH=. $(BIN)/python tests/benchmarks/target_data.py $(DATA)

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

# Without a browser the tests that need one are skipped, by name.
.venv/browser.installed: Makefile | .venv/dev.installed
	@if ! command -v chromium >/dev/null || ! command -v chromedriver >/dev/null; then \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    apt-get update -qq && DEBIAN_FRONTEND=noninteractive \
	    apt-get install -y -qq --no-install-recommends chromium chromium-driver fonts-liberation >/dev/null; \
	  else echo "chromium or chromium-driver is missing, and only root can install them here:" \
	    "tests/report/rendering/test_browser.py will be skipped"; fi; fi
	@if command -v npm >/dev/null; then \
	  npm install --silent --no-audit --no-fund --prefix .venv/axe axe-core@$(AXE); \
	else echo "npm is missing: the page's accessibility will not be tested"; fi
	@if command -v chromium >/dev/null && [ -d .venv/axe/node_modules ]; then touch $@; fi

# The trainers' own code alone, each in a folder of its own; of one that is not there the tests
# are skipped, by name.
.venv/trainers.installed: Makefile | .venv/dev.installed
	@for trainer in $(TRAINERS); do \
	  folder=.venv/trainers/$${trainer%%=*}; rm -rf $$folder; \
	  $(BIN)/python -m pip install -qq --disable-pip-version-check --no-deps --no-compile \
	  --target $$folder $$(echo $$trainer | tr , ' ') || { rm -rf $$folder; missing=1; \
	  echo "$$trainer cannot be installed here: its tests in tests/exporters/test_trainers.py will be skipped"; }; \
	done; [ -n "$$missing" ] || touch $@

clean:
	rm -rf .venv .venv-lowest .artifacts $(DEMO) .mypy_cache .pytest_cache .ruff_cache .hypothesis .benchmarks
