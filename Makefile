# `make help` lists every target.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
PACKAGES := job stacks app.py
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header

.PHONY: help
help: ## List every target
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  \033[1m%-16s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# A stamp is newer than the requirements it was made from; a change of them installs again.
$(VENV)/.python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "error: $(PYTHON) is older than Python 3.11"; echo "  Name a newer one: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.job: requirements-report.txt pyproject.toml $(VENV)/.python
	$(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check --require-hashes -r requirements-report.txt
	$(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check --no-deps -e .
	@touch $@

$(VENV)/.dev: requirements-dev.txt $(VENV)/.job
	$(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@

$(VENV)/.infra: requirements-infra.txt $(VENV)/.python
	$(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check --require-hashes -r requirements-infra.txt
	@touch $@

# The CDK's command line, exactly as locked; the CDK's Python library runs on Node.js as well.
node_modules/.installed: package.json package-lock.json
	@command -v npm >/dev/null || { echo "error: npm is not installed: the AWS platform needs Node.js"; echo "  Install Node.js 22 or newer (20 works, with a warning)."; exit 1; }
	npm ci --no-audit --no-fund --loglevel=error
	@touch $@

.PHONY: setup
setup: $(VENV)/.job ## Create .venv with everything an experiment and its report need

.PHONY: run
run: setup ## Try it: sample data (unless data/raw has a real file), the quick spec, the comparison
	@$(BIN)/ldp demo

.PHONY: test
test: setup $(VENV)/.dev $(VENV)/.infra node_modules/.installed ## Run the tests (ARGS="-k name" picks some)
	@$(BIN)/python -m pytest $(ARGS)

.PHONY: lint
lint: setup $(VENV)/.dev ## Style and types: ruff, mypy --strict, hadolint
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy --strict $(PACKAGES)
	@$(BIN)/hadolint Dockerfile.cpu Dockerfile.gpu tests/containers/s3/Dockerfile

.PHONY: bench
bench: setup $(VENV)/.dev ## Run the benchmarks; tables in benchmarks/results (ARGS=process runs one, with its options)
	@$(BIN)/python -m benchmarks $(ARGS)

# In any Python that has the GPU image's packages, on a machine with an NVIDIA GPU: no network, nothing installed.
.PHONY: test-gpu
test-gpu: ## The tests that need an NVIDIA GPU, in at most ten minutes (PYTHON=python3; ARGS="-k name")
	@TEST_DEVICE=gpu PYTHONPATH=.$${PYTHONPATH:+:$$PYTHONPATH} $(PYTHON) -m pytest -c tests/gpu/pytest.ini tests/gpu $(ARGS)

.PHONY: bench-gpu
bench-gpu: ## What a GPU saves, in seconds and dollars, in at most ten minutes (PYTHON=python3; ARGS="--budget 240")
	@PYTHONPATH=.$${PYTHONPATH:+:$$PYTHONPATH} $(PYTHON) -m benchmarks gpu $(ARGS)

.PHONY: format
format: $(VENV)/.dev ## Rewrite the code in the project's style
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

.PHONY: lock
lock: $(VENV)/.dev ## Rewrite the pinned requirements*.txt from pyproject.toml (ARGS=--upgrade for newer versions)
	$(COMPILE) pyproject.toml $(ARGS) --extra cpu --extra report --extra dev --group infra -o requirements-dev.txt
	$(COMPILE) pyproject.toml --extra cpu -c requirements-dev.txt -o requirements.txt
	$(COMPILE) pyproject.toml --extra cpu --extra report -c requirements-dev.txt -o requirements-report.txt
	$(COMPILE) pyproject.toml --extra gpu -c requirements-dev.txt --no-emit-package nvidia-nccl-cu12 -o requirements-gpu.txt
	$(COMPILE) --group infra -c requirements-dev.txt -o requirements-infra.txt
	$(COMPILE) --group checkov -o requirements-checkov.txt

# The AWS platform. CONTEXT="name=value …", CONFIG=file.json and GPU=true are the CDK's context; what is not given is
# what the deployed platform remembers, found once for each target. YES=true asks nothing.
CDK := node_modules/.bin/cdk
DOCKER ?= docker
PLATFORM := $(BIN)/python -m stacks
GIVEN = $(if $(GPU),-c useGpu=$(GPU)) $(if $(CONFIG),-c config=$(CONFIG)) $(if $(IMAGE_TAG),-c imageTag=$(IMAGE_TAG)) $(foreach value,$(CONTEXT),-c $(value))
YES_TOO = $(if $(filter true,$(YES)),--yes)
# Puts the values of the target that is named into the shell's arguments: "$$@" from there on.
VALUES = values=$$($(PLATFORM) values --for $(1) $(GIVEN) $(YES_TOO)); eval "set -- $$values"

.PHONY: setup-infra
setup-infra: $(VENV)/.infra node_modules/.installed ## Install what deploying to AWS needs (no training libraries)

.PHONY: bootstrap
bootstrap: setup-infra ## Once per account and region: the CDK's toolkit stack and the Spot service-linked role
	@$(call VALUES,bootstrap); set -x; $(CDK) bootstrap "$$@" $(ARGS); $(PLATFORM) spot-role "$$@"

.PHONY: unbootstrap
unbootstrap: setup-infra ## Take back what bootstrap made, its bucket included (asks, unless YES=true)
	@$(call VALUES,bootstrap); $(PLATFORM) unbootstrap "$$@" $(YES_TOO)

.PHONY: synth
synth: setup-infra ## Make the CloudFormation template in cdk.out; needs no AWS account (GPU=true)
	@$(call VALUES,synth); set -x; $(CDK) synth --quiet "$$@" $(ARGS)

.PHONY: diff
diff: setup-infra ## Show what apply would change (GPU=true)
	@$(call VALUES,diff); keep=$$($(PLATFORM) image-tag "$$@"); set -x; $(CDK) diff "$$@" $$keep $(ARGS)

.PHONY: apply
apply: setup-infra ## Create or update the stack (GPU=true switches the mode; YES=true asks nothing)
	@$(call VALUES,apply); keep=$$($(PLATFORM) image-tag "$$@"); set -x; $(CDK) synth --quiet "$$@" $$keep; more=$$($(PLATFORM) before-apply "$$@" $(YES_TOO)); $(CDK) deploy --app cdk.out "$$@" $$keep $$more $(if $(YES_TOO),--require-approval never) $(ARGS); $(PLATFORM) after-apply "$$@"

.PHONY: destroy
destroy: setup-infra ## Delete the stack with all its data, except in prod (asks, unless YES=true)
	@$(call VALUES,destroy); $(PLATFORM) teardown "$$@" $(YES_TOO); set -x; $(CDK) destroy --force "$$@" $(ARGS); $(PLATFORM) deregister "$$@"

.PHONY: smoke
smoke: setup setup-infra ## Try a platform of its own on a real account, two to three hours, below $$1 (asks, unless YES=true)
	@$(PLATFORM).smoke $(YES_TOO) --docker "$(DOCKER)" --cdk="$(ARGS)" $(if $(filter true,$(DIRTY)),--dirty) $(if $(PATIENCE),--patience $(PATIENCE))

.venv-checkov/.installed: requirements-checkov.txt $(VENV)/.python
	$(PYTHON) -m venv .venv-checkov
	.venv-checkov/bin/python -m pip install --quiet --quiet --disable-pip-version-check --require-hashes -r requirements-checkov.txt
	@touch $@

.PHONY: checkov
checkov: setup-infra .venv-checkov/.installed ## checkov on the templates of both modes (a large environment of its own)
	@$(BIN)/python -m tests.stacks.checkov

# The images of the jobs. Their tags are made from their content: what was built, what is pushed and what the CDK names
# is the same image.
TAG = $(BIN)/python -m stacks.images "$$@"

.PHONY: docker-build
docker-build: $(VENV)/.infra ## Build the image of the jobs as ldp:cpu, or with GPU=true as ldp:gpu, and under its content tag
	@$(call VALUES,build); tag=$$($(TAG)); mode=$${tag%%-*}; \
	revision=$$(git describe --always --dirty --abbrev=40 --exclude='*' 2>/dev/null || echo unknown); \
	set -x; BUILDX_NO_DEFAULT_ATTESTATIONS=1 $(DOCKER) build -f Dockerfile.$$mode -t ldp:$$mode -t ldp:$$tag --build-arg REVISION=$$revision .

.PHONY: docker-push
docker-push: setup-infra ## Push the built image to the stack's repository, unless it is there (GPU=true; DIRTY=true)
	@$(call VALUES,push); $(PLATFORM) push "$$@" --docker "$(DOCKER)" $(if $(filter true,$(DIRTY)),--dirty)

.PHONY: deploy
deploy: setup-infra ## Everything: the stack if there is none, then build, push, apply (GPU=true; YES=true asks nothing)
	@$(if $(IMAGE_TAG),echo "error: deploy makes its own image tag"; echo "  Leave IMAGE_TAG out; make apply takes one."; exit 1)
	@$(call VALUES,deploy); tag=$$($(TAG) $(if $(filter true,$(DIRTY)),,--committed)); state=$$($(PLATFORM) state "$$@"); \
	if [[ $$state == absent ]]; then $(MAKE) apply IMAGE_TAG=$$tag; fi; \
	$(MAKE) docker-build; $(MAKE) docker-push; $(MAKE) apply IMAGE_TAG=$$tag

# The published names of what `ldp cloud` does. DATASET=name, ARGS="…" for the command; LDP_PLATFORM names the stack.
CLOUD := $(BIN)/ldp cloud
NAMED = $(if $(DATASET),$(DATASET),$(error $@ needs a dataset: make $@ DATASET=taiwan_credit))

.PHONY: upload-data
upload-data: setup $(VENV)/.infra ## Send raw files to the bucket (DATASET=name for one)
	@$(CLOUD) upload $(DATASET) $(ARGS)

.PHONY: submit-data-job
submit-data-job: setup $(VENV)/.infra ## Submit the data job of DATASET=name
	@$(CLOUD) submit $(NAMED) --data-only $(ARGS)

.PHONY: submit-data-jobs
submit-data-jobs: setup $(VENV)/.infra ## Submit the data jobs of all datasets that the spec has
	@$(CLOUD) submit --all --data-only $(ARGS)

.PHONY: submit-job
submit-job: setup $(VENV)/.infra ## Submit the training job of DATASET=name
	@$(CLOUD) submit $(NAMED) --skip-data $(ARGS)

.PHONY: submit-jobs
submit-jobs: setup $(VENV)/.infra ## Submit the training jobs of all datasets that the spec has, side by side
	@$(CLOUD) submit --all --skip-data $(ARGS)

.PHONY: outputs
outputs: setup $(VENV)/.infra ## Show the outputs of the stack
	@$(CLOUD) outputs $(ARGS)

# Only what is installed on Linux: the pinned requirements cover other systems too.
LINUX_ONLY = $(BIN)/uv pip compile --quiet --no-deps --no-header --generate-hashes --python-platform linux --python-version 3.12
build/sbom-cpu.cdx.json: requirements.txt
build/sbom-gpu.cdx.json: requirements-gpu.txt
build/sbom-%.cdx.json: pyproject.toml $(VENV)/.dev
	@mkdir -p build
	@$(LINUX_ONLY) $(filter requirements%,$^) -o build/requirements-$*.txt
	@$(BIN)/python -W ignore -m cyclonedx_py requirements build/requirements-$*.txt --pyproject pyproject.toml --output-reproducible -o $@
	@echo "wrote $@"

.PHONY: sbom
sbom: build/sbom-cpu.cdx.json build/sbom-gpu.cdx.json ## What is in each image: packages, versions, hashes, as CycloneDX in build/

.PHONY: clean
clean: ## Remove the environment and caches (never data, executions or reports)
	rm -rf $(VENV) .venv-checkov node_modules cdk.out build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
