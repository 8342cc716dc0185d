# Tasks of the repository. Bare `make` lists them; each one sets up .venv by itself.
#
#   make serve RUNTIME=gpu       uses onnxruntime-gpu instead of onnxruntime
#   make train CONFIG=my.toml    other arguments are listed beside their task below

PYTHON  ?= python3
# cpu or gpu. The two wheels of ONNX Runtime share a folder: never both in one .venv.
RUNTIME ?= cpu
VENV    := .venv
BIN     := $(VENV)/bin
# .venv/bin comes first, so that a tool which calls another one finds the same environment.
export PATH := $(CURDIR)/$(BIN):$(PATH)
export BENTOML_DO_NOT_TRACK := True
export ORT_DISABLE_TELEMETRY := 1

# What is imported is compiled then; most of torch never is.
PIP     := $(BIN)/python -m pip --disable-pip-version-check
PIP_INSTALL := $(PIP) install --no-compile -c constraints.txt
SERVING := $(VENV)/.installed-$(RUNTIME)
DEVELOP := $(VENV)/.installed-$(RUNTIME)-train-dev
# Public clients of the protocols want other versions of protobuf than the service.
CLIENTS := .venv-clients

.DEFAULT_GOAL := help
.PHONY: help demo serve test testclients testbatch clients check audit bench train export proto

help:
	@echo 'Petroserve: microscope images of ore and rock in, mineralogy out. Tasks:'
	@sed -n 's/^\([a-z]*\):.*## \(.*\)$$/  make \1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 20

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python >= 3.11 is needed; choose one by make PYTHON=...")'
	$(PYTHON) -m venv $(VENV)

define refuse_other_runtime
@ls $(VENV)/.installed-* 2>/dev/null | grep -qv -- '-$(RUNTIME)' \
  && { echo '.venv holds the other ONNX Runtime; remove .venv to change RUNTIME'; exit 1; } || true
endef

$(SERVING): $(BIN)/python pyproject.toml constraints.txt
	$(refuse_other_runtime)
	$(PIP_INSTALL) -e '.[$(RUNTIME)]'
	@touch $@

$(DEVELOP): $(BIN)/python pyproject.toml constraints.txt
	$(refuse_other_runtime)
	$(PIP_INSTALL) -e '.[$(RUNTIME),train,dev]'
	@touch $(SERVING) $@

demo: $(SERVING) ## Paint a section of ore, analyse it and compare with the truth (out/demo)
	$(BIN)/petroserve phantom --recipe S1 --seed 9 --size 960x1280 --out out/demo/section
	$(BIN)/petroserve analyse out/demo/section/image.png --association S1 --out out/demo/analysis
	$(BIN)/petroserve evaluate --prediction out/demo/analysis/labels.png \
	  --truth out/demo/section/labels.png --association S1 --out out/demo/evaluation
	@echo 'Look at out/demo/analysis/overlay.jpg. `make serve` starts the service.'

serve: $(SERVING) ## Serve the models (HOST=127.0.0.1 HTTP_PORT=3000 GRPC_PORT=3001)
	$(BIN)/petroserve serve --host $(or $(HOST),127.0.0.1) --http-port $(or $(HTTP_PORT),3000) \
	  --grpc-port $(or $(GRPC_PORT),3001)

# Side by side: a test of torch or the runtime with threads of its own would slow the other down.
test: check ## All checks, then all tests (TEST_PROCESSES=2)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(or $(TEST_PROCESSES),2) --dist loadfile $(PYTEST_ARGS)

# Not a part of `make test`: 75 packages and half a gigabyte for a handful of tests.
testclients: clients $(DEVELOP) ## Public clients (tritonclient, kserve) against the service
	$(BIN)/python -m pytest tests/protocol/test_public_clients*.py $(PYTEST_ARGS)

# Nor this: Ray takes 300 MB and a minute and a half.
testbatch: $(DEVELOP) ## `petroserve batch` on real Ray, which is installed into .venv
	$(PIP_INSTALL) -e '.[$(RUNTIME),train,dev,batch]'
	$(BIN)/python -m pytest tests/batch tests/test_batch_page.py $(PYTEST_ARGS)

clients: $(CLIENTS)/.installed ## Make the environment of the public clients (.venv-clients)

$(CLIENTS)/.installed: tests/protocol/clients/requirements.txt tests/protocol/clients/constraints.txt
	$(PYTHON) -m venv $(CLIENTS)
	$(CLIENTS)/bin/python -m pip --disable-pip-version-check install \
	  -c tests/protocol/clients/constraints.txt -r tests/protocol/clients/requirements.txt
	@touch $@

check: $(DEVELOP) ## Lint, format, types, import rules and vulnerable dependencies
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/python .ci/audit.py

# Within check it is asked once a day, and passes with a word where there is no network.
audit: ## Look for known vulnerabilities of the dependencies, now (needs the network)
	$(PYTHON) .ci/audit.py --anew

bench: $(DEVELOP) ## Time and memory side by side with plain ONNX Runtime and torch
	$(BIN)/python -m benchmarks $(BENCH_ARGS)

train: $(DEVELOP) ## Train a network (CONFIG=examples/training/lumenstone-pspnet.toml)
	$(BIN)/petroserve train $(or $(CONFIG),examples/training/lumenstone-pspnet.toml)

export: $(DEVELOP) ## Turn a checkpoint into a served model (CHECKPOINT=runs/.../best.pt)
	$(if $(CHECKPOINT),,$(error CHECKPOINT is not given; make export CHECKPOINT=runs/NAME/best.pt))
	$(BIN)/petroserve export $(CHECKPOINT) models

proto: $(DEVELOP) ## Generate service/proto from the definitions in proto/
	$(BIN)/python proto/generate.py .
