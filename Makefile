# Everything a newcomer, a developer and CI do with this project; `make` alone prints what there is.

VENV := .venv
BIN := $(VENV)/bin
# More arguments for pytest, e.g. `make test ARGS="-k login -x"`.
ARGS ?=
# How many processes share the tests; 0 runs them in one, as a debugger wants it. Much of a test's time is waiting for
# servers: one process more than there are processors.
WORKERS ?= $(shell echo $$(($$(getconf _NPROCESSORS_ONLN) + 1)))
# How tox runs, e.g. `make test-all TOX="run -e py312-django61"`.
TOX ?= run
PYTEST := PYTHONDEVMODE=1 SECURITY_LOGGING_WHEEL="$$(echo dist/*.whl)" $(BIN)/pytest
# The tests of one file share servers and databases.
SHARED := --numprocesses $(WORKERS) --dist loadfile

# In CI a missing program is a failure; on a laptop without root the tests that need it are skipped.
ifneq ($(CI),true)
OPTIONAL := --optional
endif

# The tests must import what is installed, never what lies around.
unexport PYTHONPATH
unexport DJANGO_SETTINGS_MODULE

# Directories too, so that a deleted file is noticed.
SHIPPED := $(shell find security_logging fail2ban deploy docs -not -path '*/__pycache__*' 2>/dev/null) LICENSE README.md

.DELETE_ON_ERROR:
.PHONY: help venv system-packages test-packages wheel test lint check test-all test-suites test-fail2ban-matrix test-proxies demo bench generate clean

help: ## Print this list.
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-27s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

$(VENV)/.tools-installed: pyproject.toml scripts/make_venv.sh
	@scripts/make_venv.sh $(VENV)
	@touch $@

# The wheel is built once and installed: what is tested is what users get.
$(VENV)/.wheel-installed: $(VENV)/.tools-installed $(SHIPPED)
	@rm -rf dist
	@$(BIN)/python -m hatchling build --target wheel
	@$(BIN)/python -m pip install --quiet --no-deps --force-reinstall dist/*.whl
	@touch $@

venv: $(VENV)/.tools-installed ## Make .venv with the newest Python here and everything for development.

system-packages: ## Install Fail2ban, nginx and what else the tests drive (Debian, Ubuntu).
	@scripts/install_system_packages.sh $(OPTIONAL)

test-packages: ## The same, and what only the tests need: hydra, Chromium, debootstrap, a journal.
	@scripts/install_system_packages.sh $(OPTIONAL) --for-tests

wheel: $(VENV)/.wheel-installed ## Build the wheel and install it into .venv.

test: test-packages wheel ## Set up everything and run the tests, with the real Fail2ban.
	$(PYTEST) $(SHARED) $(ARGS)

lint: wheel ## Check the style, the types and the generated files.
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/python scripts/generate.py --check

check: override ARGS += --cov
check: lint test ## What a change has to pass: lint, and the tests with coverage.

test-long: test-packages wheel ## Run the sweeps that `make test` samples, in full.
	LONG=1 $(PYTEST) $(SHARED) tests/end_to_end/test_profiles.py tests/real_fail2ban/test_any_event.py $(ARGS)

test-all: system-packages venv ## Run the tests on every supported Django and Python found here.
	$(BIN)/tox $(TOX) --discover $$(scripts/find_pythons.sh) -- $(ARGS)

test-fail2ban-matrix: test-packages wheel ## Run the tests of Fail2ban against its versions in Debian and Ubuntu (root); SUITES="sid ...".
	scripts/test_fail2ban_matrix.sh $(BIN)/pytest $(SUITES)

test-suites: wheel ## Run the tests of Django and django-axes with our app installed; five minutes.
	$(BIN)/python scripts/run_suites_with_us.py $(ARGS)

test-proxies: wheel ## Send other spellings of X-Forwarded-For through four proxies to eight servers; writes docs/proxies.md.
	scripts/install_system_packages.sh apache2 caddy haproxy nginx libapache2-mod-wsgi-py3
	test -d $(VENV)-servers || $(BIN)/python -m venv $(VENV)-servers
	$(VENV)-servers/bin/pip install --quiet --requirement tests/header_aliases.txt $$(echo dist/*.whl)
	cd tests && ../$(BIN)/python -m header_aliases ../$(VENV)-servers

demo: system-packages wheel ## Watch a real attack being logged, found and stopped; KEEP=1 leaves the site running.
	$(BIN)/python example_project/demo.py $(if $(KEEP),--keep)

bench: system-packages wheel ## Measure speed and memory; writes benchmarks/results.md.
	$(BIN)/python -m pip install --quiet --requirement benchmarks/requirements.txt
	$(BIN)/python benchmarks/run.py

test-cloudwatch-faults: wheel ## Put CloudWatch through every fault, 100,000 events each, in seven minutes; writes docs/cloudwatch.md and docs/logging.md.
	PYTHONPATH=tests $(BIN)/python -m cloudwatch.measure_faults

generate: wheel ## Write every file that is derived from the vocabulary.
	$(BIN)/python scripts/generate.py

clean: ## Remove everything that make, the tests and the tools have written.
	rm -rf $(VENV) $(VENV)-servers .tox build dist htmlcov .coverage .coverage.* .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
