.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL := /bin/bash

VENV := .venv/bin
# Written by infra/setup.sh when it is through; older than what it was made from, it runs again.
SETUP := .venv/.setup

# Where it is set, every process compiles anew all that it imports, which is seconds for each.
unexport PYTHONDONTWRITEBYTECODE

CLUSTER ?= infra/cluster.yaml

.PHONY: help setup demo test test-cluster test-all token tunnel format lint type-check map pages paper bench ui clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(SETUP): constraints.txt pyproject.toml infra/setup.sh
	@infra/setup.sh

setup: ## Install what is missing: system packages, .venv, pinned Python packages, FFCV
	@infra/setup.sh

demo: $(SETUP) ## Run the main study in miniature (about ten minutes on two cores)
	@$(VENV)/python sweeps/init_distance.py --preset mini $(ARGS)

test: $(SETUP) ## Run the tests, slow ones left out (ARGS="-n 0 -k store" chooses, in one process)
	@$(VENV)/python -m pytest -n logical --maxprocesses 4 --dist loadfile $(ARGS)

test-cluster: $(SETUP) ## Run the tests that need several machines, made of this one (root, some 15 minutes)
	@$(VENV)/python -m pytest -m "" tests/cluster $(ARGS)

test-all: $(SETUP) ## Run all tests
	@$(VENV)/python -m pytest -m "" $(ARGS)

format: $(SETUP) ## Format the code and fix what ruff can fix
	@$(VENV)/ruff check --fix-only --quiet .
	@$(VENV)/ruff format .

lint: $(SETUP) ## Check style and formatting
	@$(VENV)/ruff check .
	@$(VENV)/ruff format --check .

type-check: $(SETUP) ## Check types
	@$(VENV)/mypy

map: $(SETUP) ## Draw which folder imports which, into out/map.svg (REV=... draws another revision)
	@$(VENV)/python infra/map.py $(REV) out/map$(if $(REV),-$(REV)).svg && echo out/map$(if $(REV),-$(REV)).svg

paper: $(SETUP) ## Run every sweep, and write the page of all (ARGS="--preset mini transfer restart" chooses)
	@$(VENV)/python infra/paper.py $(ARGS)

pages: $(SETUP) ## Write tables and figures of studies in out/ into their pages (ARGS="out transfer")
	@$(VENV)/python infra/pages.py $(ARGS)

bench: $(SETUP) ## Measure step, loaders, overhead and memory on this machine
	@PYTHONPATH=. $(VENV)/python tests/benchmarks/run.py $(ARGS)

token: $(SETUP) ## Make the token that keeps strangers out of Ray, where there is none
	@$(VENV)/randteach token

tunnel: $(SETUP) ## Reach a cluster's MLflow (port 5000) and Ray dashboard (8265) from here; CLUSTER=file.yaml
	@echo "MLflow: http://127.0.0.1:5000/#/experiments?workflowType=machine_learning, until this shell ends"
	@$(VENV)/ray attach $(CLUSTER) -p 5000 -p 8265

ui: $(SETUP) ## Open the results in MLflow, on this machine only
	@$(VENV)/randteach ui $(ARGS)

clean: ## Remove caches; results (out/) and the environment (.venv/) stay
	@rm -rf .mypy_cache .pytest_cache .ruff_cache .hypothesis build *.egg-info
	@find . -path ./.venv -prune -o -path ./out -prune -o -type d -name __pycache__ -prune -exec rm -rf {} +
