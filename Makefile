# Every target does its own set-up; `make setup` costs some milliseconds when nothing changed.
.DEFAULT_GOAL := help
.PHONY: help setup demo test lint format faults bench lock clean

help:
	@echo 'make demo    six specs become pull requests on this machine; needs no account, key, database or Docker'
	@echo 'make test    lint, types, rooms and all tests but the three below'
	@echo 'make faults  kills processes at named points and looks at what is left (minutes)'
	@echo 'make bench   measures against peers and limits, as ratios'
	@echo 'make lint    ruff, mypy and the import contracts; make format writes what ruff would'
	@echo 'make lock    renews both lock files; UPGRADE=1 takes the newest versions'
	@echo 'make clean   removes .venv, .bench-venv, caches and build products'

setup:
	@scripts/setup

# exec, so that Ctrl-C reaches the factory itself and no shell in between.
demo: setup
	@exec .venv/bin/factory demo

test: setup
	@exec scripts/check

lint: setup
	@exec scripts/lint

format: setup
	@.venv/bin/ruff check --fix --quiet . ; .venv/bin/ruff format .

faults: setup
	@exec .venv/bin/pytest -m faults

# One process and no capture: a neighbour or a buffer would be measured too.
bench: setup
	@exec .venv/bin/pytest -m bench -s -p no:xdist

lock: setup
	@UPGRADE=$(UPGRADE) exec scripts/lock

clean:
	@rm -rf .venv .bench-venv .demo dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage .coverage.*
	@find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +
