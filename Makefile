# Run "make help" for a list of targets.

VENV := .venv
PY := $(VENV)/bin/python

# Passed through the environment, because the folder's name can contain spaces, quotes and dollar signs.
export ALPACASORTER_FOLDER := $(value FOLDER)
export PYTHON

.DEFAULT_GOAL := help
.PHONY: help setup run test lint messages format bench screenshots wheel package clean

help: ## Show this list
	@echo "AlpacaSorter: make TARGET"
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Create .venv with everything needed (does nothing if already done)
	@sh tools/setup.sh

run: setup ## Open the window: make run FOLDER=~/Pictures/hike
	@case "$$ALPACASORTER_FOLDER" in \
	"") exec $(VENV)/bin/alpacasorter ;; \
	"~") exec $(VENV)/bin/alpacasorter "$$HOME" ;; \
	"~/"*) exec $(VENV)/bin/alpacasorter "$$HOME/$${ALPACASORTER_FOLDER#??}" ;; \
	*) exec $(VENV)/bin/alpacasorter "$$ALPACASORTER_FOLDER" ;; \
	esac

# Many tests mostly wait, so running two at a time takes little more than half as long. ARGS=-n0 runs one at a time.
test: setup ## Run the tests, without a display: make test ARGS="-k paths"
	@QT_QPA_PLATFORM=offscreen $(PY) -m pytest -n 2 --dist loadfile $(ARGS)

lint: setup ## Check style, types and layers
	@$(VENV)/bin/ruff check .
	@$(VENV)/bin/ruff format --check .
	@$(VENV)/bin/mypy
	@$(VENV)/bin/lint-imports --no-logo

messages: setup ## Bring the translations up to date; ARGS=de starts a language
	@$(PY) tools/messages.py $(ARGS)

format: setup ## Put the code into shape
	@$(VENV)/bin/ruff check --fix .
	@$(VENV)/bin/ruff format .

bench: setup ## Run all benchmarks and print the results
	@QT_QPA_PLATFORM=offscreen $(PY) tools/run_benchmarks.py

screenshots: setup ## Take the screenshots in the documents, of photos that are drawn; ARGS="tags loupe"
	@$(PY) -m tools.screenshots.take $(ARGS)

wheel: setup ## Build the wheel, install it separately and check it
	@sh tools/check_wheel.sh

# Creates its own environment. PYTHON selects the interpreter; the default is the one in .venv if that exists.
package: ## Build the program for people without Python, check it, and pack it in dist/
	@"$${PYTHON:-$(firstword $(wildcard $(PY)) python3)}" -m tools.packaging.package $(ARGS)

clean: ## Remove .venv and everything built
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find alpacasorter tests benchmarks tools -name __pycache__ -type d -prune -exec rm -rf {} +
