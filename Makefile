# Everything a person or CI does here. `make help` lists it.
.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
SCENARIO ?= healthy
LISTEN ?= 127.0.0.1:19840

IMAGE ?= lanewatch:dev
OUTPUT ?= --push --provenance=mode=max --sbom=true
PLATFORMS ?= linux/amd64,linux/arm64

.PHONY: help venv demo serve test verify generate lint format bench tools lock image sbom audit clean

help: ## list what can be made
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

venv: $(STAMP) ## make .venv with lanewatch, probe and every development tool

$(STAMP): requirements-dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(f"expected Python 3.11 or newer, found {sys.version.split()[0]}: make PYTHON=..." if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements-dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	$(BIN)/python -m compileall -q exporter probes alerts dashboards lanewatch.py
	@touch $@

demo: venv ## play the reference node on loopback: no card, no cluster (SCENARIO=healthy|switch|dead-backend|xid79|two-lanes|surge-deadlock|intruder|mismatch)
	$(BIN)/lanewatch demo --scenario $(SCENARIO) --web.listen-address $(LISTEN)

serve: venv ## run the exporter on this machine
	$(BIN)/lanewatch serve --web.listen-address $(LISTEN)

test: venv ## the fast suite: needs nothing but Python and a C compiler
	$(BIN)/pytest -q -n auto --dist loadfile -m "not real and not bench"

verify: venv tools ## everything against the pinned real tools
	$(BIN)/pytest -q -m real

tools: venv ## build the pinned real tools once, into a cache outside the tree
	$(BIN)/python tests/tools/build.py

generate: venv ## write the rules, the dashboards, the chart's values and the documents out of their sources
	$(BIN)/lanewatch generate

lint: venv ## format check, lint, types, direction of imports
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: venv ## format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: venv tools ## measure a scrape against a peer and a floor, and probe as a process
	PYTHONPATH=tests $(BIN)/python -m benchmarks.scrape
	PYTHONPATH=tests $(BIN)/python -m benchmarks.probe_process

lock: ## write the requirements files anew out of pyproject.toml (needs uv)
	uv pip compile pyproject.toml $(LOCK) -o requirements.txt
	uv pip compile pyproject.toml --extra dashboards --extra pictures --group dev -c requirements.txt $(LOCK) -o requirements-dev.txt
	uv pip compile --group build -c requirements-dev.txt $(LOCK) -o requirements-build.txt
	uv pip compile --group supply $(LOCK) -o requirements-supply.txt
LOCK := --quiet --generate-hashes --no-emit-index-url --no-annotate --no-header --universal --python-version 3.11

image: ## build the image for both architectures (PYTHON_DIGEST=sha256:... pins its base; needs docker buildx)
	@[[ "$(PYTHON_DIGEST)" =~ ^sha256:[0-9a-f]{64}$$ ]] || { echo "expected PYTHON_DIGEST=sha256:<64 hex digits> of python:3.11-slim, found '$(PYTHON_DIGEST)'" >&2; exit 2; }
	docker buildx build --platform $(PLATFORMS) $(OUTPUT) --tag $(IMAGE) \
	  --build-arg PYTHON_DIGEST=$(PYTHON_DIGEST) --build-arg VERSION="$$(sed -n 's/^VERSION.*"\(.*\)"$$/\1/p' exporter/version.py)" \
	  --build-arg REVISION="$$(git rev-parse HEAD)" .

SUPPLY := .venv/supply
SBOM ?= dist/lanewatch.cdx.json
$(SUPPLY)/.installed: requirements-supply.txt | venv
	$(PYTHON) -m venv $(SUPPLY)
	$(SUPPLY)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements-supply.txt
	@touch $@

sbom: $(SUPPLY)/.installed ## write dist/lanewatch.cdx.json: what the image carries of others, with hashes (CycloneDX)
	mkdir -p $(dir $(SBOM))
	$(SUPPLY)/bin/cyclonedx-py requirements requirements.txt --pyproject pyproject.toml --output-reproducible -o $(SBOM)

audit: $(SUPPLY)/.installed ## ask which locked versions have known holes: the package index, or a service of yours (AUDIT=...)
	$(SUPPLY)/bin/pip-audit --strict --disable-pip --progress-spinner off $(AUDIT) -r requirements.txt -r requirements-build.txt

clean: ## remove what make made in the tree
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist
