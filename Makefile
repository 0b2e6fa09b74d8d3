# make test: set-up and all tests, from nothing.   make run: set-up and the pipeline, by default the demo.
# make check: style, types, imports, workflow lint. make lock: renew requirements.lock.

PYTHON ?= python3
CACHE ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/crossarch
# One environment for each Python and state of the lock file, shared by all checkouts: torch is installed once.
KEY := $(shell $(PYTHON) -c 'import hashlib, sys; print(hashlib.sha256(sys.version.encode() + open("requirements.lock", "rb").read()).hexdigest()[:16])')
$(if $(KEY),,$(error $(PYTHON) does not run: name another with PYTHON=...))
VENV := $(CACHE)/venvs/$(KEY)
READY := $(VENV)/.ready
export PATH := $(VENV)/bin:$(PATH)
export PYTHONPATH := $(CURDIR)/workflow_src:$(PYTHONPATH)

.PHONY: setup environment test test-fast run check lock clean

setup: $(READY)

# Only one checkout at a time sets an environment up; another that wants the same waits and takes it.
ALONE = $(PYTHON) -c 'import fcntl, subprocess, sys; lock = open(sys.argv[1], "w"); \
	fcntl.flock(lock, fcntl.LOCK_EX); sys.exit(subprocess.call(sys.argv[2:]))' $(VENV).lock

$(READY):
	@mkdir -p $(dir $(VENV))
	@$(ALONE) sh -c 'test -e $@ || $(MAKE) --no-print-directory environment'

# `.ready` comes last: an environment whose installation was interrupted is begun anew.
environment:
	@echo "Setting up $(VENV); the first time this installs PyTorch and takes minutes"
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed")'
	rm -rf $(VENV)
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	@touch $(READY)

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
	@echo 'Made: results/ (tables, figures, report/index.html, a page to look at first)'

check: setup
	ruff check .
	ruff format --check .
	mypy
	lint-imports
	snakefmt --check Snakefile rules
	snakemake --lint

# What pyproject.toml needs beyond the lock is added to it; a line that is deleted first is renewed.
lock:
	rm -rf $(CACHE)/lock && $(PYTHON) -m venv $(CACHE)/lock
	$(CACHE)/lock/bin/python -m pip install --quiet -e '.[dev]' setuptools -c requirements.lock
	$(CACHE)/lock/bin/python -m pip freeze --all --exclude pip --exclude-editable | tr 'A-Z_' 'a-z-' \
		| grep -v '^crossarch==' | sort -f \
		| sed -E 's/^((nvidia|cuda)-.*|triton==.*)$$/\1 ; sys_platform == "linux"/' > $(CACHE)/new.lock
	{ head -n 1 requirements.lock; cat $(CACHE)/new.lock; } > $(CACHE)/whole.lock
	mv $(CACHE)/whole.lock requirements.lock && rm -rf $(CACHE)/lock $(CACHE)/new.lock

clean:
	rm -rf .snakemake .pytest_cache .mypy_cache .ruff_cache .hypothesis
