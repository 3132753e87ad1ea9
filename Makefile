# Every target does its own set-up: nothing but Python 3.11 or newer has to be there.
.DEFAULT_GOAL := help
.PHONY: help environments run test test-unit faults grants check format verify-infra package diff deploy bench openapi events requirements clean

STAGE ?= dev
FORMAT ?= cloudformation
BIN := .venv/bin
# Tests and builds start Python hundreds of times: without compiled modules each start takes far longer.
export PYTHONDONTWRITEBYTECODE =

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /  \1|/p' $(MAKEFILE_LIST) | awk -F'|' '{printf "%-16s %s\n", $$1, $$2}'

run: environments ## start everything on this laptop: http://localhost:8000
	@exec $(BIN)/python -m local up $(ARGUMENTS)

test: environments ## all tests, by two workers; integration tests start a system of their own on free ports
	@$(BIN)/python -m pytest $(ARGUMENTS)

test-unit: environments ## the tests that need no running system
	@$(BIN)/python -m pytest tests/unit tests/contract $(ARGUMENTS)

faults: environments ## kill, repeat and cut connections at full size; says what was lost or doubled
	@$(BIN)/python -m tests.faults $(ARGUMENTS)

grants: environments ## what each function's policy grants, and which of it is used; ARGUMENTS=--every-grant takes each away
	@$(BIN)/python -m tests.grants $(ARGUMENTS)

check: environments ## format, lint, types and the rules between modules
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest --quiet tests/contract/test_boundaries.py

format: environments ## put the sources into shape
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

verify-infra: environments ## lint and check stacks, policies and workflows, as far as that goes without AWS
	@$(BIN)/python -m infra.verify $(ARGUMENTS)

package: environments ## build a stage's stack into build/STAGE (STAGE=dev, FORMAT=cloudformation)
	$(BIN)/python -m infra build --stage $(STAGE) --format $(FORMAT) --out build/$(STAGE)

diff: environments ## say what deploying STAGE would change in its AWS account (STAGE=dev)
	@$(BIN)/python -m infra diff --stage $(STAGE) $(ARGUMENTS)

deploy: environments ## deploy STAGE to its AWS account, the schema before the code (STAGE=dev)
	@$(BIN)/python -m infra deploy --stage $(STAGE) $(ARGUMENTS)

bench: environments ## print how long the functions take to start and to answer
	$(BIN)/python -m bench $(ARGUMENTS)

openapi: environments ## write the OpenAPI document of the declared routes to docs/openapi.json
	@UPDATE_OPENAPI=1 $(BIN)/python -m pytest --quiet tests/contract/test_openapi.py

events: environments ## write the catalogue of the declared events to docs/events.md
	@UPDATE_EVENTS=1 $(BIN)/python -m pytest --quiet tests/contract/test_event_catalogue.py

requirements: environments ## pin the newest versions that the requirements*.in allow
	for pinned in requirements requirements-jobs requirements-dev local/requirements-emulator infra/verify/requirements-checkov; do \
		CUSTOM_COMPILE_COMMAND="make requirements" $(BIN)/pip-compile --quiet --upgrade --generate-hashes --allow-unsafe \
			--strip-extras --no-annotate --no-emit-options --output-file $$pinned.txt $$pinned.in \
			|| exit 1; \
	done

clean: ## stop a running system, and forget its data, all builds and the environments
	@if [ -x $(BIN)/python ]; then $(BIN)/python -m local down; fi
	rm -rf .local build .venv .venv-emulator .venv-checkov .chalice/deployments .mypy_cache .ruff_cache .pytest_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

environments:
	@for python in $(or $(PYTHON),python3 python3.14 python3.13 python3.12 python3.11); do \
		if $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
			exec $$python -m local.environments; \
		fi; \
	done; \
	echo 'Python 3.11 or newer is needed, and none of $(or $(PYTHON),python3, python3.14 ... python3.11) is that.' >&2; \
	echo 'Install one, or say where it is: make PYTHON=/path/to/python3.12 run' >&2; \
	exit 1
