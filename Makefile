# Every target does its own set-up; `make setup` costs some milliseconds when nothing changed.
.DEFAULT_GOAL := help
.PHONY: help setup demo demo-github test lint format slow faults simulate bench lock clean

help:
	@echo 'make demo    six specs become pull requests on this machine; needs no account, key, database or Docker; TUI=0: no dashboard'
	@echo 'make demo-github  a label on an issue becomes a merged pull request, on a GitHub of its own on this machine; half a minute'
	@echo 'make test    lint, types, rooms and all tests but the four below'
	@echo 'make slow    tests that take longer than 20 seconds each'
	@echo 'make faults  kills, stops, cuts and fills up what a running factory needs, and prints the matrix; SEEDS=3 FAULT_SEED=7'
	@echo 'make simulate  the whole factory in one thread under faults drawn from seeds; SEEDS=2000, or SEED=17 for one again'
	@echo 'make bench   measures against peers and limits, as ratios'
	@echo 'make lint    ruff, mypy and the import contracts; make format writes what ruff would'
	@echo 'make lock    renews the lock files; UPGRADE=1 takes the newest versions'
	@echo 'make clean   removes .venv, .bench-venv, caches and build products'

setup:
	@scripts/setup

# exec, so that Ctrl-C reaches the factory itself and no shell in between. On a terminal it opens the dashboard; TUI=0: lines there too.
demo: setup
	@exec .venv/bin/factory demo$(if $(TUI),$(if $(filter 0 no false,$(TUI)), --no-tui, --tui))

demo-github: setup
	@exec .venv/bin/factory dev demo

test: setup
	@exec scripts/check

lint: setup
	@exec scripts/lint

format: setup
	@.venv/bin/ruff check --fix --quiet . ; .venv/bin/ruff format .

slow: setup
	@scripts/setup tests && exec .venv/bin/pytest -n 2 -m slow

# Who runs beside others mostly waits, hence more processes than a small machine has cores; the others run alone.
faults: setup
	@SEEDS=$(or $(SEEDS),1) exec .venv/bin/pytest tests/faults -n 3 --dist worksteal

# SEEDS=2000 of ten simulated minutes each; SEED=17 is one of them, with what happened in it.
simulate: setup
	@exec .venv/bin/python -m tests.simulation $(if $(SEED),--seed $(SEED),--seeds $(or $(SEEDS),2000))

# One process and no capture: a neighbour or a buffer would be measured too.
bench: setup
	@exec .venv/bin/pytest -m bench -s -p no:xdist

lock: setup
	@UPGRADE=$(UPGRADE) exec scripts/lock

clean:
	@rm -rf .venv .bench-venv .demo dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage .coverage.*
	@find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +
