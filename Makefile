# Two commands do everything: `make repro` builds the dataset, `make test` runs the tests.
# Both make the environment in .venv first. `make help` lists all, from the lines that begin with ##.

SURVEY ?= mock
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)
export PYTHONHASHSEED := 0
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help repro baselines paper leaderboard tasks real real-transfer test fuzz kills matrix lint docs site env clean
.DEFAULT_GOAL := repro

## help           this list
help:
	@echo "make TARGET; every target makes the environment in .venv first"
	@sed -n 's/^## /  /p' $(firstword $(MAKEFILE_LIST))

# The stamp names the folder: an environment does not survive a move of the checkout.
STAMP := $(VENV)/.installed
ifneq ($(shell cat $(STAMP) 2>/dev/null),$(CURDIR))
.PHONY: $(STAMP)
endif

$(STAMP): pyproject.toml setup.py constraints.txt
	@test ! -s $@ || test "$$(cat $@)" = "$(CURDIR)" || { \
		echo "this checkout was moved or copied: its environment is made again"; rm -rf $(VENV); }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[dev]"
	echo "$(CURDIR)" > $@

## env            the environment in .venv: minutes, 2.5 GB
env: $(STAMP)

ifeq ($(SURVEY),mock)
PIPELINE := dvc.yaml
else
PIPELINE := surveys/$(SURVEY)/dvc.yaml
endif

## repro          build a release of the mock (2 minutes); SURVEY=x: of another survey
repro: $(STAMP)
	@test -f $(PIPELINE) || { echo "error: there is no survey '$(SURVEY)': $(PIPELINE) is missing"; exit 2; }
	@test -e .git || dvc config --local core.no_scm true  # a downloaded archive has no git
	dvc repro $(PIPELINE)

# Networks are runs of the benchmark as all methods are. What has run: the networks' entries go to the
# leaderboard, the paper's figures and tables to baselines/results/, and both onto the release's card.
NETWORKS := nn_base nn_tl nn_combo nn_spec
WHOLE := data/$(SURVEY)/release/transferz
RELEASE := $(if $(TASK),data/$(SURVEY)/tasks/$(TASK)/transferz,$(WHOLE))

define PUBLISH
	for method in $(NETWORKS); do \
		transferz leaderboard add $(1)/$$method --release $(RELEASE) --replace || exit 1; done
	rm -rf baselines/results/$(SURVEY)
	cp -r $(1)/figures baselines/results/$(SURVEY)
	dvc repro $(PIPELINE)
endef

## baselines      train and score the paper's networks on the mock, 10 seeds (a quarter of an hour)
ifneq ($(SURVEY),mock)
baselines:
	@echo "error: real surveys have 100 seeds: make paper SURVEY=$(SURVEY)"; exit 2
else
baselines: repro
	dvc repro baselines/dvc.yaml
	$(call PUBLISH,$(RUNS))
endif

## paper          the same with the paper's 100 seeds, on a GPU where there is one; SURVEY=x
paper: repro
	dvc repro baselines/paper/dvc.yaml:figures@$(SURVEY)
	$(call PUBLISH,data/$(SURVEY)/paper)

# All reference methods on a mock's leaderboard: their entries, how all pairs of them compare, and one
# page. On the small mock the networks are those of `make baselines`; `SURVEY=mock_full` has galaxies
# enough to tell more methods apart, five seeds each. `TASK=faint` does the same on a harder task of the
# release (`transferz task` lists them; docs/tasks.md). A method that has run on this release does not
# run again: remove its folder for that.
METHODS := median nearest trees quantile_trees conformal_trees conformal_trees_by_magnitude \
	template_fit nn_both mixture_density bayesian lightgbm xgboost gaussian_process quantile_forest \
	blended_trees
ifneq ($(SURVEY)$(TASK),mock)
METHODS += $(NETWORKS)
endif
ROWS := $(RELEASE)/_index/combo.index
RUNS := data/$(SURVEY)/$(if $(TASK),tasks/$(TASK)/)benchmark
BOARD := $(SURVEY)$(if $(TASK),_$(TASK))

## leaderboard    run and compare all reference methods (half an hour); SURVEY=mock_full, TASK=faint
leaderboard: $(if $(filter mock,$(SURVEY)$(TASK)),baselines,repro) $(METHODS:%=$(RUNS)/%/entry.yaml)
	for method in $(METHODS); do \
		transferz leaderboard add $(RUNS)/$$method --release $(RELEASE) --replace || exit 1; done
	transferz leaderboard compare $(RUNS) --entries baselines/leaderboard/entries/$(BOARD)
	transferz leaderboard --release $(RELEASE) --html $(RUNS)/leaderboard.html
	transferz leaderboard --release $(RELEASE)

$(RUNS)/%/entry.yaml: $(ROWS)
	transferz benchmark $* --release $(RELEASE) --out $(@D) --replace

ifneq ($(SURVEY)$(TASK),mock)
$(RUNS)/nn_tl/entry.yaml: $(RUNS)/nn_base/entry.yaml  # what it starts from
	transferz train nn_tl --release $(RELEASE) --start $(<D) --seeds 5 --out $(@D) --replace
endif

ifdef TASK
$(ROWS): $(WHOLE)/_index/combo.index
	transferz task $(TASK) --release $(WHOLE) --out $(RELEASE) --replace
endif
$(WHOLE)/_index/combo.index: | repro ;

# Quick methods, and the newest, on every harder task of the release; then docs/tasks.md's tables.
TASKS := $(shell sed -n 's/^\([a-z_]*\):$$/\1/p' dataset/tasks/tasks.yaml)
TASK_METHODS := median nearest trees xgboost nn_combo nn_both

## tasks          run and compare quick methods on all harder tasks (an hour); SURVEY=x
tasks: repro
	for task in $(TASKS); do \
		$(MAKE) leaderboard TASK=$$task METHODS="$(TASK_METHODS)" || exit 1; done
ifeq ($(SURVEY),mock)
	python benchmarks/tasks_table.py docs/tasks.md
endif

# docs/leaderboard.md's picture of the page, of SURVEY=mock_full, by a headless Chromium.
docs/mock/leaderboard.png: $(RUNS)/leaderboard.html
	chromium --headless --no-sandbox --disable-gpu --hide-scrollbars --window-size=1460,1050 \
		--user-data-dir=$$(mktemp -d) "--screenshot=$(CURDIR)/$@" "file://$(CURDIR)/$<#theme=light"

# The same methods on tables of real galaxies, from the folder that TRANSFERZ_REAL_DATA names.
## real           the reference methods on real galaxies, in the folder TRANSFERZ_REAL_DATA
real: $(STAMP)
	@test -n "$(TRANSFERZ_REAL_DATA)" || { echo "error: TRANSFERZ_REAL_DATA is to name a folder"; exit 2; }
	python benchmarks/real_methods.py --data "$(TRANSFERZ_REAL_DATA)"

# The paper's experiment on real galaxies, over several splits of survey cosmos_lite, whose files are
# put in place by hand; the checks elsewhere need EGS, SDSS, `SURVEY=des` and `make baselines`. What
# has run is kept: it goes on where it was stopped, and more salts or seeds can be asked for later.
SALTS ?= 10
SEEDS ?= 20

## real-transfer  the paper's experiment on real galaxies (hours)
real-transfer: $(STAMP)
	for survey in cosmos_lite des; do $(MAKE) repro SURVEY=$$survey || exit 1; done
	python benchmarks/real_transfer.py --salts $(SALTS) --seeds $(SEEDS) \
		$(if $(TRANSFERZ_REAL_DATA),--data "$(TRANSFERZ_REAL_DATA)")

## test           run all tests
test: $(STAMP)
	$(BIN)/python -m pytest

# Corrupts small files of every upstream format, and what every command reads, and says what came of
# it: the counts, and how each finding is repeated.
## fuzz           feed damaged files to every reader and command (7 minutes)
fuzz: $(STAMP)
	$(BIN)/python tests/fuzz/run.py --files 3000 --seed 1

# Every command that writes, killed at random moments: old output or new, and a rerun clears the rest.
## kills          kill every command that writes, and run it again
kills: $(STAMP)
	$(BIN)/python tests/fuzz/kills.py --kills 60 --seed 1

# Every extra in fresh environments, in its lowest and its newest versions, on each Python there is.
## matrix         install each extra in its lowest and newest versions; takes uv, and the network
matrix: repro
	uv --version > /dev/null || { echo "error: pip install uv"; exit 2; }
	$(BIN)/python tests/install/matrix.py

# mypy cannot follow the package-dir mapping, so it sees the rooms through a tree of links.
## lint           ruff and mypy
lint: $(STAMP)
	ruff check .
	ruff format --check .
	rm -rf .typecheck && mkdir -p .typecheck/transferz
	cd .typecheck/transferz && ln -s ../../loaders/*.py ../../loaders/py.typed .
	for room in schemas photometry tables dataset baselines cli surveys; do ln -s ../../$$room .typecheck/transferz/$$room; done
	cd .typecheck && MYPYPATH=. mypy --config-file ../pyproject.toml -p transferz

# The documents' figures and tables, from the release in data/mock, and the column reference, from the
# schemas. The report on the mock compares its colours with real galaxies: without them it is kept.
EGS := $(TRANSFERZ_REAL_DATA)/egs_ugrizy_redshift.csv.gz

## docs           draw the documents' figures and tables anew
docs: repro
	@if test -f "$(EGS)"; then \
		echo "python -m transferz.dataset.mock.report --real $(EGS)"; \
		python -m transferz.dataset.mock.report --real "$(EGS)"; \
	else \
		echo "the report on the mock (docs/mock: tables, counts, colours, labels) is kept as it is:"; \
		echo "it shows real galaxies too, and TRANSFERZ_REAL_DATA names no folder with $(notdir $(EGS))"; \
	fi
	for name in distributions flow; do cp data/mock/release/transferz/figures/$$name.png docs/mock/; done
	python docs/house.py
	python -m transferz.schemas.survey.derived docs/columns.md

# The documentation as a site, in site/; its tutorials run on the mock release.
## site           build the documentation as a site, in site/
site: repro
	NO_MKDOCS_2_WARNING=1 mkdocs build --strict

## clean          remove the environment and everything built from the code, not the data
clean:
	rm -rf $(VENV) .typecheck build site *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
