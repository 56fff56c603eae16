# Prepares the environment and calls Snakemake; the graph itself is in the Snakefile.
#   make book    make test    make help
PYTHON ?= python3
VENV   ?= .venv
CORES  ?= all
PROFILE ?= quick
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# one run at a time is seen to by the Snakefile, with a lock that does not outlive its process
SNAKEMAKE = $(BIN)/snakemake --cores $(CORES) --quiet rules host --nolock --rerun-incomplete
export OMP_NUM_THREADS ?= 1
export MPLBACKEND := agg

.DEFAULT_GOAL := help
.PHONY: help book test lint tests pages notebooks run record stale lock clean environment asked-notebook asked-study

help: ## this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

book: $(READY) ## execute what changed and build the HTML
	@if $(SNAKEMAKE) --config profile=$(PROFILE) --dry-run -- book | grep -q "Nothing to be done"; \
	then echo "Nothing has changed since the last build."; \
	else $(SNAKEMAKE) --config profile=$(PROFILE) -- book; fi
	@echo "Open $(CURDIR)/_build/html/index.html"

test: $(READY) ## lint and types, all tests, every notebook twice; all three run, and are reported
	@for part in lint tests pages; do \
	    if $(MAKE) --no-print-directory $$part; then report="$$report  passed: $$part\n"; \
	    else report="$$report  FAILED: $$part\n"; failed=1; fi; \
	done; printf "make test:\n$$report"; test -z "$$failed"

lint: $(READY) ## ruff and mypy
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

tests: $(READY) ## the tests alone; every notebook runs with other parameters
	@$(BIN)/python -m pytest tests -n auto --dist worksteal -rs

pages: $(READY) ## run the stored notebooks and compare what they print
	@$(BIN)/python -m pytest notebooks -n auto --dist loadfile -p no:cacheprovider \
	    --nbval-lax --nbval-current-env --nbval-sanitize-with nbval_sanitize.cfg

notebooks: $(READY) ## run every notebook and store its outputs in the .ipynb
	@$(BIN)/python notebooks/execute.py $(NAME)

# what is asked for is looked at before anything is installed
run: asked-notebook $(READY) ## one notebook, own parameters: NOTEBOOK=b5_rub ARGS="-p steps 1000"
	@$(BIN)/python notebooks/execute.py $(NOTEBOOK) --out _build/runs --html $(ARGS)

asked-notebook:
	@test -n "$(NOTEBOOK)" || { echo 'say which: make run NOTEBOOK=b5_rub ARGS="-p steps 1000"' >&2; exit 1; }
	@test -f notebooks/$(basename $(notdir $(NOTEBOOK))).md || { \
	    echo "no notebook $(NOTEBOOK); there are $(sort $(basename $(notdir $(wildcard notebooks/*.md))))" >&2; exit 1; }

record: asked-study $(READY) ## run a study at the paper's size into results/: NAME=b5_rub
	@$(SNAKEMAKE) --forcerun record -- _build/records/$(NAME)

asked-study:
	@test -n "$(NAME)" || { echo 'say which: make record NAME=b5_rub' >&2; exit 1; }

stale: $(READY) ## list records made by other code than today's; RUN=600 makes again what costs less
	@$(BIN)/python -m studies.stale --write $(if $(RUN),--run $(RUN))

lock: ## renew requirements.lock (needs uv)
	uv pip compile --universal --python-version 3.11 --all-extras pyproject.toml \
	    -o requirements.lock --no-emit-package robustcore

clean: ## remove what was built; .venv stays
	rm -rf _build .snakemake .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(READY): requirements.lock pyproject.toml
	@command -v $(PYTHON) >/dev/null || { \
	    echo "Python 3.11 or newer is needed and there is no $(PYTHON); install it, or: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	    echo "Python 3.11 or newer is needed, $(PYTHON) is `$(PYTHON) -V 2>&1`; try: make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) book/once.py environment $(MAKE) --no-print-directory environment
	@touch $@

# a new folder whose installation was cut off is made anew; an older one is never removed
environment:
	@test ! -e $(VENV)/.installing || rm -rf $(VENV)
	@test -e $(VENV) || { mkdir -p $(VENV) && touch $(VENV)/.installing; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { \
	    echo "$(PYTHON) cannot make a virtual environment; on Debian: apt install python3-venv" >&2; exit 1; }
	@echo "Installing the locked packages into $(VENV) (once, about two minutes)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c requirements.lock -e '.[all]'
	@rm -f $(VENV)/.installing
