# make help says what there is.

VENV := .venv
PY := $(VENV)/bin/python

# The folder as it was typed: it may hold spaces, quotes and dollar signs, so it travels through the environment.
export ALPACASORTER_FOLDER := $(value FOLDER)
export PYTHON

.DEFAULT_GOAL := help
.PHONY: help setup run test lint format bench wheel package clean

help: ## Show this list
	@echo "AlpacaSorter: make TARGET"
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Make .venv with everything needed (does nothing where that is done)
	@sh tools/setup.sh

run: setup ## Open the window: make run FOLDER=~/Pictures/hike
	@case "$$ALPACASORTER_FOLDER" in \
	"") exec $(VENV)/bin/alpacasorter ;; \
	"~") exec $(VENV)/bin/alpacasorter "$$HOME" ;; \
	"~/"*) exec $(VENV)/bin/alpacasorter "$$HOME/$${ALPACASORTER_FOLDER#??}" ;; \
	*) exec $(VENV)/bin/alpacasorter "$$ALPACASORTER_FOLDER" ;; \
	esac

# Many tests wait for something, so two at a time take little more than half as long. -n0 in ARGS runs one at a time.
test: setup ## Run the tests, without a display: make test ARGS="-k paths"
	@QT_QPA_PLATFORM=offscreen $(PY) -m pytest -n 2 --dist loadfile $(ARGS)

lint: setup ## Check style, types and layers
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/mypy
	@$(VENV)/bin/lint-imports --no-logo

format: setup ## Put the code into shape
	@$(VENV)/bin/ruff check --fix .
	@$(VENV)/bin/ruff format .

bench: setup ## Run every benchmark and print its figures
	@QT_QPA_PLATFORM=offscreen $(PY) tools/run_benchmarks.py

wheel: setup ## Build the wheel, install it apart and check it
	@sh tools/check_wheel.sh

# It makes an environment of its own. PYTHON chooses the interpreter; otherwise that of .venv serves, where there is one.
package: ## Build the program for people without Python, try it and pack it into dist/
	@"$${PYTHON:-$(firstword $(wildcard $(PY)) python3)}" -m tools.packaging.package $(ARGS)

clean: ## Remove .venv and everything built
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find alpacasorter tests benchmarks tools -name __pycache__ -type d -prune -exec rm -rf {} +
