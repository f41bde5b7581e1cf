# weir: two commands matter, `make run` and `make test`; `make help` lists the rest.
.DEFAULT_GOAL := help
.PHONY: help run deps-build deps-page deps-test page build build-asan build-fuzz test test-tools quick-test fuzz bench lint format install clean

PREFIX ?= /usr/local
DESTDIR ?=
ARGS ?=
JOBS ?= $(shell nproc)
export JOBS
FUZZ_SECONDS ?= 3600

help: ## lists what can be made
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 24

run: build ## a three-tier network on this machine: real jobs at three sites, the rest simulated (ARGS=--until-done, ARGS=--fresh)
	@./weir up --network examples/networks/china.yaml --catalogue examples/chips/catalogue.yaml --demands examples/demands --state build/run $(ARGS)

# One after the other, since apt-get works alone.
deps-build:
	@tools/deps.sh build

deps-page: deps-build
	@tools/deps.sh page

deps-test: deps-page
	@tools/deps.sh test

# The page is built when Node is there; without it weir is built without the page and says so.
page: deps-page
	@tools/page.sh

build: page ## the release build in build/
	@tools/build.sh build -Dbuildtype=release -Db_lto=false

build-asan: deps-test page ## the build with AddressSanitizer and UBSan in build-asan/
	@tools/build.sh build-asan -Dbuildtype=debugoptimized -Db_sanitize=address,undefined -Ddebug_checks=true

build-fuzz: deps-test ## the fuzzers in build-fuzz/
	@CC=clang tools/build.sh build-fuzz -Dbuildtype=debugoptimized -Dfuzz=true -Dtests=false -Dpage=disabled -Db_sanitize=address,undefined -Db_lundef=false

build/venv/ready: tests/requirements.txt
	@echo "weir: installing the API test tool into build/venv"
	@mkdir -p build
	@python3 -m venv build/venv
	@build/venv/bin/python -m pip install --quiet --disable-pip-version-check -r tests/requirements.txt
	@touch $@

test-tools: deps-test
	@$(MAKE) --no-print-directory build/venv/ready || echo "weir: the API test tool could not be installed; its tests are skipped"
	@tools/web-test-deps.sh

test: build build-asan build-fuzz test-tools ## every test, with the real servers it needs
	@python3 tests/run.py

quick-test: build ## the unit and contract tests of the release build only
	@python3 tests/run.py --only unit --builds build

fuzz: build-fuzz ## every fuzzer for FUZZ_SECONDS each (default an hour)
	@python3 tests/run.py --only fuzz --fuzz-seconds $(FUZZ_SECONDS)

bench: build ## every benchmark, one JSON object a line
	@python3 bench/run.py

lint: ## shell, man pages, layers, house words
	@python3 tests/run.py --only lint

format: ## clang-format over the C sources
	@clang-format -i $$(git ls-files '*.c' '*.h')

install: build ## into DESTDIR and PREFIX (default /usr/local)
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/include/weir $(DESTDIR)$(PREFIX)/share/man/man1 \
		$(DESTDIR)$(PREFIX)/share/weir $(DESTDIR)$(PREFIX)/share/bash-completion/completions \
		$(DESTDIR)$(PREFIX)/share/zsh/site-functions $(DESTDIR)$(PREFIX)/lib/systemd/system $(DESTDIR)$(PREFIX)/lib/pkgconfig
	install -m 755 build/src/cli/weir $(DESTDIR)$(PREFIX)/bin/weir
	install -m 644 include/weir/*.h $(DESTDIR)$(PREFIX)/include/weir/
	install -m 755 build/src/lib/libweir.so.1.0.0 $(DESTDIR)$(PREFIX)/lib/
	ln -sf libweir.so.1.0.0 $(DESTDIR)$(PREFIX)/lib/libweir.so.1
	ln -sf libweir.so.1 $(DESTDIR)$(PREFIX)/lib/libweir.so
	sed 's|^prefix=.*|prefix=$(PREFIX)|; s|^libdir=.*|libdir=$${prefix}/lib|' build/meson-private/weir.pc > $(DESTDIR)$(PREFIX)/lib/pkgconfig/weir.pc
	install -m 644 docs/man/*.1 $(DESTDIR)$(PREFIX)/share/man/man1/
	install -m 644 tools/completion/weir.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/weir
	install -m 644 tools/completion/_weir $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_weir
	for unit in tools/systemd/*.service; do sed 's|@PREFIX@|$(PREFIX)|g' $$unit > $(DESTDIR)$(PREFIX)/lib/systemd/system/$$(basename $$unit); done
	cp -R examples $(DESTDIR)$(PREFIX)/share/weir/
	install -m 644 api/openapi.yaml $(DESTDIR)$(PREFIX)/share/weir/

clean: ## removes all builds (and what `make run` kept)
	rm -rf build build-asan build-fuzz
