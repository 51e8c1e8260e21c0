# What a developer types. `make` alone lists it.

PORT  ?= 8000
GREMLIN_PORT ?= 8182
STAGE ?= dev
BIN   := .venv/bin
DEPLOY := $(BIN)/python -m infra.deploy
# A stage that is named to make, here or in the environment, is a deployed one.
NAMED := $(filter-out file,$(origin STAGE))
# USER is in every environment: it counts only where it is named to make.
TOKEN_USER := $(if $(findstring command,$(origin USER)),$(USER),local)

.DEFAULT_GOAL := help
.PHONY: help setup run gremlin demo token test test-long lint package deploy deploy-local diff status \
  logs smoke rollback url user destroy clean

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

token: setup ## Print a token for the running system (USER=ada WORKSPACE=demo), or of a stage (STAGE= EMAIL=)
	@exec $(if $(NAMED),$(DEPLOY) token --stage $(STAGE) --email "$(EMAIL)",\
	  $(BIN)/python -m infra.local.token $(TOKEN_USER) $(or $(WORKSPACE),demo))

test: lint package ## Check style and types, package for AWS, and run the tests
	$(BIN)/python -m pytest -m "not long and not deploy" -n $(or $(WORKERS),2) --dist loadfile

test-long: setup ## Run also the tests that take long
	$(BIN)/python -m pytest -m "not deploy"

lint: setup ## Check style, types and the CloudFormation templates
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/cfn-lint infra/*.yaml

package: setup ## Make the package that is deployed, in build/package; needs no account
	$(BIN)/python -m infra.package
	AWS_DEFAULT_REGION=$${AWS_DEFAULT_REGION:-us-east-1} $(BIN)/chalice package --stage offline build/package

deploy: setup ## Deploy to AWS, or bring it up to this source (STAGE=dev; see docs/deploy.md)
	@exec $(DEPLOY) deploy --stage $(STAGE)

diff: setup ## Tell what a deploy would change, and change nothing (STAGE=dev)
	@exec $(DEPLOY) diff --stage $(STAGE)

status: setup ## Tell how a stage is; fails if something is wrong (STAGE=dev)
	@exec $(DEPLOY) status --stage $(STAGE)

logs: setup ## Print what the functions logged (STAGE=dev FUNCTION=pusher SINCE=10m FOLLOW=1)
	@exec $(DEPLOY) logs --stage $(STAGE) --since $(or $(SINCE),10m) $(if $(FOLLOW),--follow) \
	  $(addprefix --function ,$(FUNCTION)) $(if $(FILTER),--filter '$(FILTER)')

smoke: setup ## Walk through a stage from outside, as a client would (STAGE=dev)
	@exec $(DEPLOY) smoke --stage $(STAGE)

rollback: setup ## Go back to the release before, or to one (STAGE=dev TO=20261123T163500Z)
	@exec $(DEPLOY) rollback --stage $(STAGE) $(if $(TO),--to $(TO))

url: setup ## Print where a stage is reached (STAGE=dev; SOCKETS=1 for websockets)
	@exec $(DEPLOY) url --stage $(STAGE) $(if $(SOCKETS),--sockets)

user: setup ## Make a user of a stage (STAGE=dev EMAIL=ada@example.org WORKSPACE=demo)
	@exec $(DEPLOY) user --stage $(STAGE) --email "$(EMAIL)" --workspace "$(WORKSPACE)" \
	  $(if $(NAME),--user-name "$(NAME)")

destroy: setup ## Take a stage down; what was written stays (STAGE=dev; DATA=delete: that too)
	@$(if $(filter-out delete,$(DATA)),echo "DATA=$(DATA) says nothing: DATA=delete deletes what was written" >&2; exit 2,:)
	@exec $(DEPLOY) destroy --stage $(STAGE) $(if $(filter delete,$(DATA)),--data)

deploy-local: setup ## Deploy to an AWS emulator on this machine, and use and change what was deployed
	$(BIN)/python -m pytest -m deploy tests/deploy

clean: ## Remove all that make has made
	rm -rf .venv .cache build .chalice/deployments .pytest_cache .mypy_cache .ruff_cache .hypothesis .schemathesis
	find . -name __pycache__ -not -path './.git/*' -prune -exec rm -rf {} +
