# Every target does its own set-up on a fresh clone and a fresh machine; a second run sets nothing up twice.
# The set-up is in tools/: Python 3.12 or newer, Node 20 or newer, the browsers, the pinned dependencies.

PY := .venv/bin/python

.PHONY: site serve visits bench-site bench-kernel link-sizes schedules truth test-browsers bench bench-quick mutants check-wheels bench-check corpus corpus-files wheel help setup js bundle test demo bench-locate bench-freeze fuzz fmt lint lock clean
.DEFAULT_GOAL := help

help: ## what there is
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1\t\2/p' Makefile | expand -t 19

setup: ## .venv and js/node_modules, complete
	@tools/setup-python
	@tools/setup-js

bundle: setup # writes micropip_lock/data/engine.js only when it changes
	@tools/npm run --silent build

js: bundle ## build the browser engine, check its types, run its tests
	@tools/npm run --silent types
	@tools/npm run --silent test -- $(ARGS)

lint: setup ## ruff and mypy
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy

test: setup ## everything CI runs; ARGS go to pytest
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	tools/npm run --silent types
	tools/npm run --silent test
	tools/npm run --silent fresh
	NODE="$$(tools/find-node)" CHROMIUM="$$(tools/find-chromium)" $(PY) -m pytest $(ARGS)

test-browsers: setup ## the core of the engine in Chromium, Firefox and WebKit; ARGS="-k firefox" go to pytest
	CHROMIUM="$$(tools/find-chromium)" FIREFOX="$$(tools/find-firefox)" WEBKIT="$$(tools/find-webkit)" \
	  $(PY) -m pytest tests/browsers $(ARGS)

demo: bundle ## the main job on real packages; ARGS go to tools/demo.py
	NODE="$$(tools/find-node)" $(PY) -m tools.demo $(ARGS)

site: bundle ## the JupyterLite site of lite/site, in build/site; ARGS go to `jupyter lite build`
	NODE="$$(tools/find-node)" $(PY) -m tools.site $(ARGS)

serve: site ## build that site and serve it; PORT=8000
	$(PY) -m tools.site --serve

visits: bundle ## what first visits of 200 kernels ask of nginx; ARGS go to tools/visits.py
	@$(MAKE) site ARGS=
	CHROMIUM="$$(tools/find-chromium)" $(PY) -m tools.visits $(ARGS)

bench-site: bundle ## what a lock of sixty packages adds to the build of a site; ARGS go to tools/bench_site.py
	NODE="$$(tools/find-node)" $(PY) -m tools.bench_site $(ARGS)

bench-kernel: bundle ## how soon kernels of JupyterLite sites are ready; ARGS go to tools/kernel_start.py
	NODE="$$(tools/find-node)" CHROMIUM="$$(tools/find-chromium)" $(PY) -m tools.kernel_start $(ARGS)

bench: bundle ## replays against the limit, loadPackage, micropip, mambajs; ARGS="--sets S,M --rounds 5" narrows it
	@tools/once bench/node_modules/.stamp bench/package.json bench/package-lock.json bench/.npmrc -- \
	  tools/npm --prefix ../bench ci --ignore-scripts
	NODE="$$(tools/find-node)" CHROMIUM="$$(tools/find-chromium)" $(PY) -m bench $(ARGS)

bench-quick: ## the same with two sets and few rounds
	@$(MAKE) --no-print-directory bench ARGS="--quick $(ARGS)"

bench-locate: setup ## what locating costs against downloading, on real wheels; ARGS go to tools/bench_locate.py
	$(PY) -m tools.bench_locate $(ARGS)

corpus: setup ## every case of bad input: expected, got, state left behind; ARGS are identifiers
	$(PY) -m tools.corpus_table $(ARGS)

link-sizes: setup ## how long lock links are, of real locks and beside other forms; ARGS="--write" puts it into docs/links.md
	NODE="$$(tools/find-node)" $(PY) -m tools.link_sizes $(ARGS)

corpus-files: setup ## write the folders of the corpus to .cache/corpus
	$(PY) -m tests.corpus.generate.writer .cache/corpus

check-wheels: setup ## check every real wheel that was downloaded here: none refused; ARGS are directories
	$(PY) -m tools.check_wheels $(ARGS)

bench-check: setup ## what checking a wheel costs beside hashing and inflating it; ARGS go to tools/bench_check.py
	$(PY) -m tools.bench_check $(ARGS)

wheel: bundle ## the wheel, in dist/
	$(PY) -m build --wheel --no-isolation --outdir dist

bench-freeze: bundle ## how long a freeze takes against micropip's own; ARGS go to tools/bench_freeze.py
	NODE="$$(tools/find-node)" $(PY) -m tools.bench_freeze $(ARGS)

fuzz: setup ## readers of strangers' bytes against random ones; ARGS="--minutes 30" go to tools/fuzz.py
	@tools/once .venv/.fuzz requirements/fuzz.txt .venv/.dependencies -- .venv/bin/python -m pip install --quiet \
	  --disable-pip-version-check --require-hashes --only-binary :all: --requirement requirements/fuzz.txt
	$(PY) -m tools.fuzz $(ARGS)

truth: bundle ## more random programs on a mounted and an unpacked tree; ARGS="--programs 50000" go to tools/truth.py
	NODE="$$(tools/find-node)" $(PY) -m tools.truth $(ARGS)

schedules: bundle ## random schedules of faults; ARGS="--count 10000", "--chromium 500", "--kills 50" go to tools/schedules.py
	CHROMIUM="$$(tools/find-chromium)" $(PY) -m tools.schedules $(ARGS)

mutants: setup ## change the checks one place at a time: does a test mind? ARGS="--sample 600 policy" go to tools/mutants.py
	@tools/once .venv/.mutants requirements/mutants.txt .venv/.dependencies -- .venv/bin/python -m pip install --quiet \
	  --disable-pip-version-check --require-hashes --no-deps --only-binary :all: --requirement requirements/mutants.txt
	$(PY) -m tools.mutants $(ARGS)

fmt: setup ## put the sources in form
	$(PY) -m ruff check --fix-only .
	$(PY) -m ruff format .

lock: setup ## write the pins of requirements/ and js/ anew; UPGRADE=1 moves them
	tools/lock

clean: ## remove everything that a target made
	rm -rf .venv .tools .cache dist build demo-out test-results js/node_modules js/dist bench/node_modules bench/results .hypothesis .ruff_cache \
	  .mypy_cache .pytest_cache .coverage htmlcov
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
