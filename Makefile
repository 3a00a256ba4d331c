# make book    the environment, the book, and a server on localhost
# make test    the environment and every check
# The rest: make build, make lab, make notebooks, make clean. PYTHON=... chooses the interpreter.

.PHONY: help environment build book test lab notebooks clean
.DEFAULT_GOAL := help

PYTHON ?=
export PYTHON
python := .venv/bin/python

help:
	@sed -n 's/^# //p' Makefile

environment:
	@sh scripts/python.sh scripts/environment.py

build: environment
	@$(python) scripts/build_book.py

book: build
	@exec $(python) scripts/serve.py

# make test ONLY="unit browser" runs some of the checks.
test: environment
	@exec $(python) scripts/check.py $(ONLY)

lab: environment
	@exec $(python) -m jupyterlab --notebook-dir=book $$([ "$$(id -u)" != 0 ] || echo --allow-root)

# make notebooks NOTEBOOKS=book/ch03_router.ipynb executes one.
notebooks: environment
	@$(python) scripts/notebooks.py $(NOTEBOOKS)

# The environment stays: it costs minutes, and it is never stale. To drop it: rm -r .venv
clean:
	rm -rf _build build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
