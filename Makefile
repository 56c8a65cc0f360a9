# make demo: set up and run the main job. make test: set up and run all checks and tests.
.PHONY: demo test lint bench lock clean
.DELETE_ON_ERROR:

PYTHON ?= python3
BIN := .venv/bin

demo: .venv/.demo-ready
	$(BIN)/gumtree demo $(ARGS)

test: .venv/.test-ready lint
	QT_QPA_PLATFORM=offscreen $(BIN)/pytest $(ARGS)

# What is claimed of speed, measured with its peer and the limit in one run: all, or NAME="events ...".
bench: .venv/.bench-ready
	$(BIN)/python benchmarks $(NAME)

lint: .venv/.test-ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

.venv/.demo-ready: pyproject.toml .ci/constraints.txt .ci/setup
	PYTHON=$(PYTHON) .ci/setup gui
	touch $@

.venv/.test-ready: pyproject.toml .ci/constraints.txt .ci/setup
	PYTHON=$(PYTHON) .ci/setup gui,interop,peers,dev
	touch $@ .venv/.demo-ready

.venv/.bench-ready: pyproject.toml .ci/constraints.txt .ci/setup
	PYTHON=$(PYTHON) .ci/setup notebook,peers
	touch $@

# The exact versions that were tested, without any registry's address.
lock: .venv/.test-ready
	{ echo "setuptools==$$($(BIN)/python -c 'import importlib.metadata as m; print(m.version("setuptools"))')"; \
	  $(BIN)/pip freeze --exclude-editable --exclude gumtree-tango; } > .ci/constraints.txt

clean:
	rm -rf .venv .build
