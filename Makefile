# Two commands are enough: `make run` and `make test`. Both install what they need into .tools and .venv, and nowhere else.

# Any Python from 3.11 on. `make run PY=python3.13` picks another.
PY ?= $(or $(shell command -v python3.11),python3)
UV_VERSION = 0.13.9
UV = .tools/bin/uv
UV_READY = .tools/.uv-$(UV_VERSION)
BIN = .venv/bin

# Without an answer from the registry, stop; do not hang.
export UV_HTTP_TIMEOUT ?= 30
export PIP_DISABLE_PIP_VERSION_CHECK = 1
export PIP_ROOT_USER_ACTION = ignore
# Tests start hundreds of processes. Without its cache, Python compiles every library anew in each: half of their start.
unexport PYTHONDONTWRITEBYTECODE

KAFKA = .tools/kafka/.done

FAST = not server and not kafka and not browser and not fault and not bench

.DEFAULT_GOAL := help
.PHONY: help setup dev run check lint test test-all bench faults golden kafka lock machine

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: .venv/.run ## install what the service needs

dev: .venv/.dev ## install what its developers need as well

run: .venv/.run ## start the service on the shipped configuration
	$(BIN)/followthrough run

check: lint ## lint, and the fast tests: what to run before every commit
	$(BIN)/pytest -q -m "$(FAST)"

lint: .venv/.dev ## format, lint, types, imports, dependencies, spelling
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	$(BIN)/mypy --no-error-summary
	$(BIN)/lint-imports > .venv/imports.log || { cat .venv/imports.log; exit 1; }
	$(BIN)/deptry . > .venv/deptry.log 2>&1 || { cat .venv/deptry.log; exit 1; }
	$(BIN)/codespell

test: machine kafka lint ## everything a merge must pass
	$(BIN)/pytest -n 2 --dist loadscope -m "not bench"

test-all: machine kafka lint ## the same with many more examples, and the benches
	$(BIN)/pytest -n 2 --dist loadscope -m "not bench" --hypothesis-profile=thorough
	$(MAKE) bench

bench: .venv/.dev ## measure, one at a time
	$(BIN)/pytest -q -s -p no:randomly -m bench

faults: $(KAFKA) .venv/.dev ## kill and freeze services, stores and brokers under load, on one machine and on Kafka; the books must balance
	$(BIN)/python -m tests.faults.run --fault service --events 10000 --times 50 --seed 1
	$(BIN)/python -m tests.faults.run --fault store --events 5000 --times 20 --seed 2
	$(BIN)/python -m tests.faults.run --kafka --split --fault service --events 20000 --times 50 --seed 3
	$(BIN)/python -m tests.faults.run --kafka --fault frozen --events 4000 --times 8 --seed 4
	$(BIN)/python -m tests.faults.run --kafka --fault broker --events 4000 --times 10 --seed 5
	$(BIN)/python -m tests.faults.run --kafka --fault store --events 4000 --times 15 --seed 6
	$(BIN)/python -m tests.faults.run --kafka --split --fault storm --events 4000 --times 25 --seed 7
	$(BIN)/python -m tests.faults.run --kafka --split --fault replies --events 4000 --times 40 --seed 8
	$(BIN)/python -m tests.faults.run --kafka --split --fault rollback --events 4000 --times 10 --seed 9
	$(BIN)/python -m tests.faults.run --kafka --split --fault wipe --events 4000 --times 1 --seed 10
	$(BIN)/python -m tests.faults.run --kafka --split --fault cut --events 4000 --times 1 --seed 11
	$(BIN)/python -m tests.faults.run --kafka --split --fault gone --events 4000 --times 1 --seed 12
	$(BIN)/python -m tests.faults.run --kafka --split --brokers 3 --fault broker --events 4000 --times 10 --seed 13

golden: .venv/.dev ## rewrite the golden messages; review the diff
	UPDATE_GOLDEN=1 $(BIN)/pytest -q -k golden

# Hashed, without the address of any registry or folder. `make lock UPGRADE=--upgrade` takes newer versions.
COMPILE = env -u PIP_FIND_LINKS -u UV_FIND_LINKS $(UV) pip compile --quiet --universal --python-version 3.11 $(UPGRADE) \
	--generate-hashes --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" pyproject.toml
lock: $(UV_READY) ## pin requirements/run.txt and requirements/dev.txt again
	$(COMPILE) --output-file requirements/run.txt
	$(COMPILE) --output-file requirements/dev.txt --group dev --constraint requirements/run.txt

# The broker that tests start: Apache Kafka's own jars, by Maven, pinned in tests/kafka/pom.xml.
kafka: $(KAFKA) ## install the Kafka that tests start
$(KAFKA): tests/kafka/pom.xml
	@tests/kafka/install $(dir $@) && touch $@

# A browser and a second server, from the system's packages: installed if we may, said loudly if not.
machine:
	@.ci/machine

# pip can install beside a Python that the system manages; without pip, a plain environment brings its own.
$(UV_READY):
	@$(PY) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed, $(PY) is not. Try: make $(MAKECMDGOALS) PY=python3.12"; exit 1; }
	@echo "installing uv $(UV_VERSION) into .tools"
	@if $(PY) -m pip --version > /dev/null 2>&1; \
		then $(PY) -m pip install --quiet --upgrade --target .tools uv==$(UV_VERSION); \
		else $(PY) -m venv .tools && .tools/bin/python -m pip install --quiet uv==$(UV_VERSION); fi
	@touch $@

# `install`, not `sync`: `make run` must not take the developers' tools away.
.venv/.run: requirements/run.txt | $(UV_READY)
	@echo "installing $$(grep -c '==' requirements/run.txt) packages of requirements/run.txt into .venv"
	@$(UV) venv --quiet --allow-existing --python $(PY) .venv
	@$(UV) pip install --quiet --require-hashes --python .venv --requirements requirements/run.txt
	@$(UV) pip install --quiet --no-deps --python .venv --editable .
	@touch $@

.venv/.dev: .venv/.run requirements/dev.txt
	@echo "installing $$(grep -c '==' requirements/dev.txt) packages of requirements/dev.txt into .venv"
	@$(UV) pip sync --quiet --require-hashes --python .venv requirements/dev.txt
	@$(UV) pip install --quiet --no-deps --python .venv --editable .
	@touch $@
