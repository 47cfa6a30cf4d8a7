# A newcomer needs two commands: `make demo` and `make test`. Each first installs what it needs into .venv.
PYTHON ?= python3
VENV := .venv
RELEASE := .venv-release
BIN := $(VENV)/bin
PIP = $(BIN)/python -m pip --disable-pip-version-check
# uv installs in a third of pip's time. It does not read pip's configuration, so it gets the index of it, which is often
# a mirror. Where uv cannot be had or fails, pip installs the same.
INSTALL = index=$$($(PIP) config get global.index-url 2>/dev/null || $(PIP) config get :env:.index-url 2>/dev/null); \
	$(PIP) install --quiet uv \
	&& $(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python $${index:+--default-index $$index} $(1) \
	|| $(PIP) install --quiet $(1)

# Tests start hundreds of processes, which would compile all modules again. An empty value is unset for Python.
export PYTHONDONTWRITEBYTECODE :=
# They also sync thousands of files, which takes a third of their time on a disk. They need up to two gigabytes.
MEMORY := $(shell [ -w /dev/shm ] && df --output=avail -B1G /dev/shm | awk 'NR == 2 && $$1 >= 4 { print "/dev/shm" }')
ifneq ($(MEMORY),)
test test-slow test-long: export TMPDIR ?= $(MEMORY)
endif

# Run tests; what fails runs once more, one test at a time: a machine that is busy with several can exceed any limit. The
# output names the tests that pass only then, and a test that fails again fails the run. $(1): how tests are distributed;
# $(2): the marks of those that run. pytest exits with 1 if tests failed, and with other values for other errors.
PYTEST = $(BIN)/python -m pytest $(1) -m "$(2)" || { [ $$? -eq 1 ] \
	&& $(BIN)/python -m pytest --last-failed --last-failed-no-failures none --verbose -m "$(2)"; }

.PHONY: demo test test-slow test-long lint bench soak torture torture-cluster lock audit man release clean

demo: $(VENV)/ready
	$(BIN)/finarchive demo demo-archive

test: $(VENV)/ready-dev
	$(call PYTEST,-n auto --dist worksteal,not slow)

# What `test` leaves out. Most of the slow tests wait, so three for each core run at once; those that measure time run
# afterwards, three at once.
test-slow: export HYPOTHESIS_PROFILE := ci
test-slow: $(VENV)/ready-dev
	$(call PYTEST,-n $$((3 * $$(nproc))) --dist worksteal,slow and not timing and not long)
	$(call PYTEST,-n 3 --maxschedchunk 1,slow and timing)

# Before a release: the tests that take minutes, and every property test and every sized one at its full size.
test-long: $(VENV)/ready-dev
	HYPOTHESIS_PROFILE=full $(BIN)/python -m pytest -n $$(nproc) --dist worksteal -m "long or sized or hypothesis"

lint: $(VENV)/ready-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# One table: each figure, its aim, and its change since the last commit in docs/figures.csv. FLAGS=--save adds this one.
bench: $(VENV)/ready-dev
	$(BIN)/python -m bench $(FLAGS)

# 28 hours of the daemon in twelve minutes, with outages, kills and clock changes. As root it also fills a disk.
soak: $(VENV)/ready-dev
	$(BIN)/python -m bench.soak

# The exact releases that the service is installed with, each with the hashes of its files: docs/systemd.md.
lock: $(RELEASE)/ready
	$(RELEASE)/bin/uv pip compile pyproject.toml --extra alerts --extra backup --extra cluster --extra proof --universal --python-version 3.11 \
		--generate-hashes --upgrade --quiet --custom-compile-command 'make lock' --output-file requirements.lock

audit:
	.ci/audit

# The manual page, from --help and docs/commands.md.
man: $(VENV)/ready
	$(BIN)/finarchive help --man > docs/finarchive.1

# A wheel, and beside it the list of what is installed with it (CycloneDX).
release: $(RELEASE)/ready
	$(RELEASE)/bin/python -m pip wheel --quiet --no-deps --wheel-dir dist .
	$(RELEASE)/bin/cyclonedx-py requirements requirements.lock --pyproject pyproject.toml --output-reproducible \
		--output-file "$$(ls -t dist/finarchive-*.whl | head -n 1 | sed 's/-py3.*/.cdx.json/')"

# An hour of kills, failing operations, power loss, hostile answers and fuzzing: make torture SECONDS=600 SEED=7
SECONDS := 3600
SEED := 1
torture: $(VENV)/ready-dev
	$(BIN)/python -m bench.torture --seconds $(SECONDS) --seed $(SEED)

clean:
	rm -rf $(VENV) $(RELEASE) demo-archive build dist *.egg-info

# The run-time dependencies. Pip removes nothing, so developers' tools that are installed stay.
$(VENV)/ready: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "finarchive needs Python 3.11 or newer: make PYTHON=/path/to/python3.11")'
	$(PYTHON) -m venv $(VENV)
	@echo "Installing finarchive and its libraries into $(VENV), about half a minute"
	@$(call INSTALL,--editable .)
	touch $@

# The developers' tools, and the optional extras that the tests use.
$(VENV)/ready-dev: $(VENV)/ready
	@$(call INSTALL,--editable '.[dev]')
	touch $@

$(RELEASE)/ready: .ci/release-tools.txt
	$(PYTHON) -m venv $(RELEASE)
	$(RELEASE)/bin/python -m pip install --quiet --disable-pip-version-check --requirement .ci/release-tools.txt
	touch $@

# 200 kills of fetchers, keeper and PostgreSQL over 5,000 articles on 40 hosts; replicas after a day of polls with kills;
# and what a cluster of each size fetches.
torture-cluster: $(VENV)/ready-dev
	$(BIN)/python -m pytest -s -m "long" tests/cluster tests/end_to_end/test_replica_torture.py
	$(BIN)/python -m bench.cluster
