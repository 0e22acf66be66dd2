# Two commands: `make solve` and `make test`. Both set up .venv on first use, with locked packages.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: solve test setup check clean

solve: setup
	$(BIN)/zoneopt solve shanxi --out runs/shanxi

test: setup
	$(BIN)/python -m pytest -n 2

# Everything below is for people who change the code.
check: setup
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy && $(BIN)/lint-imports

setup: $(VENV)/ready

$(VENV)/ready: requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "zoneopt needs Python 3.11 or newer; say which with: make PYTHON=python3.12")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

clean:
	rm -rf $(VENV) runs build *.egg-info
