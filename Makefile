# make test: set-up and all tests, from nothing.   make run: set-up and the pipeline, by default the demo.
# make check: style, types, imports, workflow lint. make lock: add to requirements.lock. make schema: config/schema/.

PYTHON ?= python3
VENV := .venv
READY := $(VENV)/.ready
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)

.PHONY: setup test test-fast run check schema lock clean

setup: $(READY)

# `.ready` comes last: an interrupted installation is begun anew, as is one of another lock file.
$(READY): requirements.lock
	@$(PYTHON) -c 'import sys; print("Python " + sys.version.split()[0], sys.executable, flush=True); \
		sys.exit(sys.version_info < (3, 11) and "make: 3.11 or newer is needed: make $(MAKECMDGOALS) PYTHON=python3.12")'
	@echo 'Installing into $(VENV)/: with PyTorch minutes, and some 7 GB (on Linux it brings CUDA)'
	$(PYTHON) -m venv --clear $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@
	@echo 'To go on by hand: . $(VENV)/bin/activate'

# Files of tests share the cores, in order, so that the last ones are short; one more at a time than there are
# cores, for some wait for Slurm or a browser, and at most 4, for the memory.
WORKERS = $(shell $(PYTHON) -c 'import os; print(min(4, os.cpu_count() + 1))')
PYTEST = OMP_NUM_THREADS=1 python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder

test: setup
	$(PYTEST)

test-fast: setup
	$(PYTEST) -m "not slow"

ARGS ?= table2 figure1 report --configfile config/presets/demo.yaml
run: setup
	snakemake --cores all --show-failed-logs $(ARGS)
	@printf '%s\n' '' 'Look at results/report/index.html, results/tables/ and results/figures/. To go on by hand:' \
		'    . $(VENV)/bin/activate      # then: snakemake, crossarch'

check: setup
	ruff check .
	ruff format --check .
	codespell
	mypy
	lint-imports
	snakefmt --check Snakefile rules
	snakemake --lint

# JSON schemas of the YAML files in config/, for editors.
schema: setup
	python -m crossarch.config.json_schema config/schema

# What pyproject.toml needs beyond the lock is added to it; a line that is deleted first is renewed.
LOCK := .venv-lock
lock:
	$(PYTHON) -m venv --clear $(LOCK)
	$(LOCK)/bin/python -m pip install --quiet -e '.[dev]' setuptools -c requirements.lock
	$(LOCK)/bin/python -m pip freeze --all --exclude pip --exclude-editable | tr 'A-Z_' 'a-z-' \
		| grep -v '^crossarch==' | sort -f \
		| sed -E 's/^((nvidia|cuda)-.*|triton==.*)$$/\1 ; sys_platform == "linux"/' > $(LOCK)/new
	{ head -n 1 requirements.lock; cat $(LOCK)/new; } > $(LOCK)/whole
	mv $(LOCK)/whole requirements.lock && rm -rf $(LOCK)

clean:
	rm -rf .snakemake .pytest_cache .mypy_cache .ruff_cache .hypothesis
