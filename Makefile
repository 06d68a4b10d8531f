# `make demo` and `make test` set everything up by themselves, in .venv.

PYTHON ?= python3
BIN := .venv/bin
SERVE ?= 1
WORLD ?= acme

.DEFAULT_GOAL := help
.PHONY: help demo test bench bench-night bench-cost bench-visitors bench-charts bench-book bench-churn bench-health check lint types imports format snap docs lock clean \
  chaos test-spark test-postgres pictures site judge evals bundle schemathesis scan audit sbom dist

help:
	@echo "make demo          run the main job on made-up data, then serve the dashboard (SERVE=0: stop after the report)"
	@echo "make test          run the tests"
	@echo "make test-postgres run the tests again, with every database on PostgreSQL"
	@echo "make bench         measure the export at volume, the MCP server over stdio, and bench-visitors (BENCH=--quick: a smoke run, --full: 10M events too)"
	@echo "make bench-night   measure a night of 100,000 people who struggle and 5,000 mails"
	@echo "make bench-cost    count questions, tokens and mails of nights of 1,000 accounts (BENCH='--people 50': one small night)"
	@echo "make bench-visitors measure pages and REST before fifty clients while a night runs (BENCH='--seconds 60': shorter)"
	@echo "make bench-churn   count what churn analysis finds in 600 made-up books of accounts (BENCH='--seeds 10': fewer)"
	@echo "make bench-health  bench-churn, and replay made-up worlds: are planted stories found, and nothing else (BENCH='--seeds 10': fewer)"
	@echo "make bench-charts  measure the charts, a page of fifty sparklines, and the first paint of a view"
	@echo "make bench-book    measure the dashboard's pages with 5,000 accounts (BENCH=\"--keep DIR\": keep the book)"
	@echo "make schemathesis  try 200 cases of every operation of the REST API (CASES=50: fewer)"
	@echo "make test-spark    count events on a Spark cluster of this machine, as DuckDB does (needs Java 17 and 500 MB)"
	@echo "make chaos         every attack and fault of tests/hardening in full, 60 nights in a row, then nights killed 200 times (RUNS=3: fewer kills)"
	@echo "make judge         let the official conformance suite, the Inspector and a probe judge the MCP server"
	@echo "make evals         is every tool's answer true? (EVALS=\"--model NAME\": does a model choose the right tool)"
	@echo "make bundle        pack the server for one-click installation, dist/handrail-VERSION.mcpb"
	@echo "make dist          build the wheel and the sdist into dist/, and let twine and check-wheel-contents judge them"
	@echo "make scan          look for holes in the product's code, with bandit and rules of our own for semgrep"
	@echo "make audit         scan, and ask whether a pinned package has a known hole (needs the internet)"
	@echo "make sbom          list what the product is made of, dist/handrail-VERSION.cdx.json (CycloneDX)"
	@echo "make check         format, lint, types, import floors, documentation, tests"
	@echo "make format        put the code into shape"
	@echo "make snap          freeze the served surface of MCP and REST anew: read the diff"
	@echo "make docs          rewrite the generated parts of the documentation, and build its site into site/"
	@echo "make site          build the site of the documentation alone, without asking the demo anew"
	@echo "make pictures      take the pictures of the documentation anew (needs Chromium)"
	@echo "make lock          pin the requirements again"
	@echo "make clean         remove what make has made, and the demo's data"

.venv/runtime: requirements/runtime.txt pyproject.toml
	@sh requirements/install.sh "$(PYTHON)" requirements/runtime.txt
	@touch $@

.venv/dev: requirements/dev.txt pyproject.toml
	@sh requirements/install.sh "$(PYTHON)" requirements/dev.txt
	@touch $@ .venv/runtime

demo: .venv/runtime
	@$(BIN)/handrail demo --world $(WORLD) $(if $(filter 0,$(SERVE)),--no-serve,--serve)

test: .venv/dev
	@$(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder

bench: .venv/dev
	@$(BIN)/python -m benchmarks.bench $(BENCH)
	@$(BIN)/python -m benchmarks.visitors $(VISITORS)

bench-night: .venv/dev
	@$(BIN)/python -m benchmarks.night $(BENCH)

bench-cost: .venv/dev
	@$(BIN)/python -m benchmarks.cost $(BENCH)

bench-visitors: .venv/dev
	@$(BIN)/python -m benchmarks.visitors $(BENCH)

bench-churn: .venv/dev
	@$(BIN)/python -m benchmarks.health_churn $(BENCH)

bench-health: .venv/dev bench-churn
	@$(BIN)/python -m benchmarks.health $(BENCH)

bench-charts: .venv/dev
	@$(BIN)/python -m benchmarks.charts $(BENCH)

bench-book: .venv/dev
	@$(BIN)/python -m benchmarks.book $(BENCH)

chaos: .venv/dev
	@HANDRAIL_HARDENING=full $(BIN)/python -m pytest -q tests/hardening
	@HANDRAIL_EVERY_FAILURE=1 $(BIN)/python -m pytest -q tests/agent/test_every_failure.py
	@HANDRAIL_TEST_NIGHTS=60 $(BIN)/python -m pytest -q tests/agent/test_many_nights.py
	@$(BIN)/python -m tests.chaos

check: .venv/dev lint types imports test

lint: .venv/dev
	@$(BIN)/ruff format --check -q .
	@$(BIN)/ruff check -q .

types: .venv/dev
	@$(BIN)/mypy agent benchmarks bundle evals handrail mcp_server standin tests tools web

imports: .venv/dev
	@$(BIN)/lint-imports --no-logo

format: .venv/dev
	@$(BIN)/ruff check -q --fix .
	@$(BIN)/ruff format -q .

snap: .venv/dev
	@$(BIN)/python -m tests.mcp_server.contract
	@$(BIN)/python -m tests.web.examples

docs: .venv/dev
	@$(BIN)/python -m docs.generated
	@$(MAKE) -s site

.venv-docs/ready: requirements/docs.txt
	@sh requirements/install.sh "$(PYTHON)" requirements/docs.txt .venv-docs
	@touch $@

# Not --quiet: what is not told does not fail either.
site: .venv-docs/ready
	@NO_MKDOCS_2_WARNING=1 .venv-docs/bin/mkdocs build --strict 2>.venv-docs/build.log || { cat .venv-docs/build.log; exit 1; }
	@echo "site/index.html"

pictures: .venv/dev
	@rm -rf .handrail/demo-acme .handrail/pictures
	@$(BIN)/handrail demo --no-serve
	@$(BIN)/python docs/pictures.py

lock:
	@for part in runtime dev audit docs spark spark-source; do \
	  uv pip compile -q --no-strip-extras --universal --generate-hashes --no-emit-index-url --no-emit-find-links --no-header \
	    $$([ $$part != spark-source ] || echo --no-deps) \
	    --python-version 3.11 requirements/$$part.in -o requirements/$$part.txt; done

# Of .handrail only what is made up: the rest is an installation's database and its secret key.
clean:
	@rm -rf .venv .venv-audit .venv-docs .venv-spark site .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@rm -rf .handrail/demo-* .handrail/pictures

judge: .venv/dev
	@$(BIN)/python -m tests.judge

evals: .venv/dev
	@$(BIN)/python -m evals $(EVALS)

bundle: .venv/dev
	@$(BIN)/python -m bundle

CASES ?= 200
schemathesis: .venv/dev
	@HANDRAIL_SCHEMATHESIS_CASES=$(CASES) $(BIN)/python -m pytest -q -s tests/web/test_schemathesis.py

AUDIT := .venv-audit/bin
SHIPPED := agent handrail mcp_server standin tools web
SEMGREP := $(AUDIT)/semgrep scan --metrics=off --disable-version-check --quiet

.venv-audit/ready: requirements/audit.txt
	@sh requirements/install.sh "$(PYTHON)" requirements/audit.txt .venv-audit
	@touch $@

scan: .venv-audit/ready
	@$(AUDIT)/bandit -q -r $(SHIPPED) 2>.venv-audit/bandit.log || { cat .venv-audit/bandit.log; exit 1; }
	@$(SEMGREP) --test tests/hardening/supply
	@$(SEMGREP) --strict --error --config tests/hardening/supply/holes.yml $(SHIPPED)
	@echo "scan: bandit and $$(grep -c '^  - id:' tests/hardening/supply/holes.yml) rules of our own found nothing."

# Without --strict a package that the service does not know would pass for a package without holes.
audit: scan
	@for part in runtime dev audit docs; do \
	  $(AUDIT)/pip-audit --strict --require-hashes --disable-pip --progress-spinner off -r requirements/$$part.txt \
	  || { echo "audit: requirements/$$part.txt is not known to be clean: a hole is named above," \
	       "or the service for known holes could not be asked, and then nothing is proved." >&2; exit 1; }; done

sbom: .venv-audit/ready
	@mkdir -p dist
	@version=$$(sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml); \
	  $(AUDIT)/python -W ignore -m cyclonedx_py requirements --pyproject pyproject.toml --output-reproducible \
	    -o dist/handrail-$$version.cdx.json requirements/runtime.txt; \
	  echo "dist/handrail-$$version.cdx.json"

dist: .venv/dev .venv-audit/ready
	@rm -f dist/handrail-*.whl dist/handrail-*.tar.gz
	@$(BIN)/python -m hatchling build -d dist
	@$(AUDIT)/twine check --strict dist/handrail-*.whl dist/handrail-*.tar.gz
	@$(AUDIT)/check-wheel-contents dist/handrail-*.whl

.venv-spark/ready: requirements/spark.txt requirements/spark-source.txt
	@sh requirements/install.sh "$(PYTHON)" requirements/spark.txt .venv-spark requirements/spark-source.txt
	@touch $@

test-spark: .venv-spark/ready
	@.venv-spark/bin/python -m pytest -q -rs -m spark tests/handrail/services/test_event_spark.py

test-postgres: .venv/dev
	@HANDRAIL_TEST_DATABASE=postgres $(BIN)/python -m pytest -n auto --dist loadfile --no-loadscope-reorder
