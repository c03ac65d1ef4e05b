# `make demo` and `make test` each set up everything they need in .venv first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export OMP_NUM_THREADS ?= 1

.PHONY: demo test lint audit bench template clean

demo: $(VENV)/.ready
	$(BIN)/grader demo --out demo-out

test: $(VENV)/.ready
	$(BIN)/python -m pytest -n logical --dist loadfile --no-loadscope-reorder

lint: $(VENV)/.ready
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy grader
	for folder in reference/*/; do (cd $$folder && ../../$(BIN)/mypy --config-file ../../pyproject.toml --no-warn-return-any .) || exit 1; done

# The graders' own exam: every assignment's suite against its catalogue.
audit: $(VENV)/.ready
	for name in $$($(BIN)/grader list --json | $(BIN)/python -c \
	  'import json, sys; print(*(a["name"] for a in json.load(sys.stdin)))'); do \
	  $(BIN)/grader audit $$name --secret audit || exit 1; done

bench: $(VENV)/.ready
	$(BIN)/python -m benchmarks

# The committed template, made again after a change of the reference or the public suite.
template: $(VENV)/.ready
	for name in $$($(BIN)/grader list --json | $(BIN)/python -c \
	  'import json, sys; print(*(a["name"] for a in json.load(sys.stdin)))'); do \
	  $(BIN)/grader publish $$name --to student_template/$$name --force; done

$(VENV)/.ready: pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; give PYTHON=/path/to/it")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@

clean:
	rm -rf $(VENV) demo-out .pytest_cache .mypy_cache .ruff_cache
