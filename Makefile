# What a developer types. `make` alone lists it.

PORT  ?= 8000
GREMLIN_PORT ?= 8182
STAGE ?= dev
BIN   := .venv/bin
# USER is in every environment: it counts only where it is named to make.
TOKEN_USER := $(if $(findstring command,$(origin USER)),$(USER),local)

.DEFAULT_GOAL := help
.PHONY: help setup run gremlin demo token test test-long lint package deploy deploy-local clean

help: ## List what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## Make .venv with everything, once (PYTHON=python3.12 for a certain one)
	@PYTHON="$(PYTHON)" sh infra/local/setup.sh

run: setup ## Run the whole system on 127.0.0.1 (PORT=8123; DATA=DIR keeps everything there)
	@exec $(BIN)/python -m infra.local --port $(PORT) $(if $(DATA),--data "$(DATA)")

gremlin: setup ## Start a Gremlin Server, which `make run` then uses (Java, Maven; GREMLIN_PORT=8182)
	@exec $(BIN)/python -m infra.gremlin --port $(GREMLIN_PORT)

demo: setup ## Walk through the main job against a running system (PORT=8123)
	@exec $(BIN)/python -m infra.demo --url http://127.0.0.1:$(PORT)

token: setup ## Print a token for the running system (USER=ada WORKSPACE=demo)
	@exec $(BIN)/python -m infra.local.token $(TOKEN_USER) $(or $(WORKSPACE),demo)

test: lint package ## Check style and types, package for AWS, and run the tests
	$(BIN)/python -m pytest -m "not long and not deploy"

test-long: setup ## Run also the tests that take long
	$(BIN)/python -m pytest -m "not deploy"

lint: setup ## Check style, types and the CloudFormation templates
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/cfn-lint infra/*.yaml

package: setup ## Make the package that is deployed, in build/package; needs no account
	$(BIN)/python -m infra.deploy render --offline
	AWS_DEFAULT_REGION=$${AWS_DEFAULT_REGION:-us-east-1} $(BIN)/chalice package --stage offline build/package

deploy: setup ## Deploy to AWS, or bring it up to this source (STAGE=dev; see docs/deploy.md)
	@exec $(BIN)/python -m infra.deploy deploy --stage $(STAGE)

deploy-local: setup ## Deploy to an AWS emulator on this machine, and use and change what was deployed
	$(BIN)/python -m pytest -m deploy tests/deploy

clean: ## Remove all that make has made
	rm -rf .venv .cache build .chalice/deployments .pytest_cache .mypy_cache .ruff_cache .hypothesis .schemathesis
	find . -name __pycache__ -not -path './.git/*' -prune -exec rm -rf {} +
