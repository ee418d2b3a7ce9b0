# Two commands do everything: `make repro` builds the dataset, `make test` runs the tests.
# Both make the environment in .venv first. `make repro SURVEY=x` builds another survey.
# `make baselines` trains and scores the paper's networks, `make paper` does with the paper's 100 seeds.

SURVEY ?= mock
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)
export PYTHONHASHSEED := 0
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: repro baselines paper leaderboard real real-transfer test fuzz kills lint docs site env clean
.DEFAULT_GOAL := repro

# The stamp names the folder: an environment does not survive a move of the checkout.
STAMP := $(VENV)/.installed
ifneq ($(shell cat $(STAMP) 2>/dev/null),$(CURDIR))
.PHONY: $(STAMP)
endif

$(STAMP): pyproject.toml constraints.txt
	@test ! -s $@ || test "$$(cat $@)" = "$(CURDIR)" || { \
		echo "this checkout was moved or copied: its environment is made again"; rm -rf $(VENV); }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[dev]"
	echo "$(CURDIR)" > $@

env: $(STAMP)

ifeq ($(SURVEY),mock)
PIPELINE := dvc.yaml
else
PIPELINE := surveys/$(SURVEY)/dvc.yaml
endif

repro: $(STAMP)
	@test -f $(PIPELINE) || { echo "error: there is no survey '$(SURVEY)': $(PIPELINE) is missing"; exit 2; }
	@test -e .git || dvc config --local core.no_scm true  # a downloaded archive has no git
	dvc repro $(PIPELINE)

# Networks are runs of the benchmark as all methods are. What has run: the networks' entries go to the
# leaderboard, the paper's figures and tables to baselines/results/, and both onto the release's card.
NETWORKS := nn_base nn_tl nn_combo nn_spec
RELEASE := data/$(SURVEY)/release/transferz

define PUBLISH
	for method in $(NETWORKS); do \
		transferz leaderboard add $(1)/$$method --release $(RELEASE) --replace || exit 1; done
	rm -rf baselines/results/$(SURVEY)
	cp -r $(1)/figures baselines/results/$(SURVEY)
	dvc repro $(PIPELINE)
endef

ifneq ($(SURVEY),mock)
baselines:
	@echo "error: real surveys have 100 seeds: make paper SURVEY=$(SURVEY)"; exit 2
else
baselines: repro
	dvc repro baselines/dvc.yaml
	$(call PUBLISH,$(RUNS))
endif

paper: repro
	dvc repro baselines/paper/dvc.yaml:figures@$(SURVEY)
	$(call PUBLISH,data/$(SURVEY)/paper)

# All reference methods on a mock's leaderboard: their entries, how all pairs of them compare, and one
# page. On the small mock the networks are those of `make baselines`; `SURVEY=mock_full` has galaxies
# enough to tell more methods apart, five seeds each. A method that has run on this release does not
# run again: remove its folder for that.
METHODS := median nearest trees quantile_trees conformal_trees conformal_trees_by_magnitude \
	template_fit mixture_density bayesian
ifneq ($(SURVEY),mock)
METHODS += $(NETWORKS)
endif
ROWS := $(RELEASE)/_index/combo.index
RUNS := data/$(SURVEY)/benchmark

leaderboard: $(if $(filter mock,$(SURVEY)),baselines,repro) $(METHODS:%=$(RUNS)/%/entry.yaml)
	for method in $(METHODS); do \
		transferz leaderboard add $(RUNS)/$$method --release $(RELEASE) --replace || exit 1; done
	transferz leaderboard compare $(RUNS) --out baselines/leaderboard/entries/$(SURVEY)
	transferz leaderboard --release $(RELEASE) --html $(RUNS)/leaderboard.html
	transferz leaderboard --release $(RELEASE)

$(RUNS)/%/entry.yaml: $(ROWS)
	transferz benchmark $* --release $(RELEASE) --out $(@D) --replace

ifneq ($(SURVEY),mock)
$(RUNS)/nn_tl/entry.yaml: $(RUNS)/nn_base/entry.yaml  # what it starts from
	transferz train nn_tl --release $(RELEASE) --start $(<D) --seeds 5 --out $(@D) --replace
endif

$(ROWS): | repro ;

# README's picture of the page, by a headless Chromium.
docs/mock/leaderboard.png: $(RUNS)/leaderboard.html
	chromium --headless --no-sandbox --disable-gpu --hide-scrollbars --window-size=1460,1050 \
		--user-data-dir=$$(mktemp -d) "--screenshot=$(CURDIR)/$@" "file://$(CURDIR)/$<#theme=light"

# The same methods on tables of real galaxies, from the folder that TRANSFERZ_REAL_DATA names.
real: $(STAMP)
	python benchmarks/real_methods.py --data "$(TRANSFERZ_REAL_DATA)"

# The paper's experiment on real galaxies, over several splits of survey cosmos_lite, whose files are
# put in place by hand; the checks elsewhere need EGS, SDSS, `SURVEY=des` and `make baselines`. What
# has run is kept: it goes on where it was stopped, and more salts or seeds can be asked for later.
SALTS ?= 10
SEEDS ?= 20

real-transfer: $(STAMP)
	for survey in cosmos_lite des; do $(MAKE) repro SURVEY=$$survey || exit 1; done
	python benchmarks/real_transfer.py --salts $(SALTS) --seeds $(SEEDS) \
		$(if $(TRANSFERZ_REAL_DATA),--data "$(TRANSFERZ_REAL_DATA)")

test: $(STAMP)
	$(BIN)/python -m pytest

# Corrupts small files of every upstream format, and what every command reads, and says what came of
# it: the counts, and how each finding is repeated.
fuzz: $(STAMP)
	$(BIN)/python tests/fuzz/run.py --files 3000 --seed 1

# Every command that writes, killed at random moments: old output or new, and a rerun clears the rest.
kills: $(STAMP)
	$(BIN)/python tests/fuzz/kills.py --kills 60 --seed 1

# mypy cannot follow the package-dir mapping, so it sees the rooms through a tree of links.
lint: $(STAMP)
	ruff check .
	ruff format --check .
	rm -rf .typecheck && mkdir -p .typecheck/transferz
	cd .typecheck/transferz && ln -s ../../loaders/*.py ../../loaders/py.typed .
	for room in schemas photometry tables dataset baselines cli surveys; do ln -s ../../$$room .typecheck/transferz/$$room; done
	cd .typecheck && MYPYPATH=. mypy --config-file ../pyproject.toml -p transferz

# The documents' figures and tables, from the release in data/mock; the colours are compared with
# real galaxies where TRANSFERZ_REAL_DATA names the folder that holds them. The column reference,
# from the schemas.
EGS := $(TRANSFERZ_REAL_DATA)/egs_ugrizy_redshift.csv.gz

docs: repro
	python -m transferz.dataset.mock.report $(if $(TRANSFERZ_REAL_DATA),--real $(EGS))
	for name in distributions flow; do cp data/mock/release/transferz/figures/$$name.png docs/mock/; done
	python docs/house.py
	python -m transferz.schemas.survey.derived docs/columns.md

# The documentation as a site, in site/.
site: $(STAMP)
	NO_MKDOCS_2_WARNING=1 mkdocs build --strict

clean:
	rm -rf $(VENV) .typecheck build site *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
