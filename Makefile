# `make run` shows the whole system on this machine; `make test` tests it. Both set up .venv first.

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin

# Debian packages that tests need and that pip cannot bring: "command:package", or "-:package"
# where the package has no command of its own.
DEBIAN := node:nodejs npm:npm mosquitto:mosquitto mosquitto_pub:mosquitto-clients openssl:openssl \
          fusermount3:fuse3 -:python3-apsw -:python3-venv -:postgresql \
          chromium:chromium -:fonts-inter systemd-nspawn:systemd-container mmdebstrap:mmdebstrap

ALONE := tests/crash/test_whole_daemon.py

# Files whose few tests take long come first, or one of them would be what is waited for in the end.
LONG := tests/town tests/crash tests/sync/central/test_real_line.py tests/drivers/fingerprint \
        tests/sync/test_idempotence.py tests/drivers/camera tests/sync/central/test_two_centrals.py
LONG_SYSTEMS := tests/system/test_boot.py tests/histories tests/system/test_return_from_newer.py \
                tests/system/test_kills.py tests/system/test_camera.py tests/system/line/test_brokers.py

.PHONY: run setup test systems fast check fuzz bench docs man deb deb-test bundle locks clean

# `make run CAMERA=1` has a camera as well: this machine's, else a simulated one. `make run FINGER=1`
# has a simulated finger module.
run: $(VENV)/installed-$(if $(CAMERA),camera,run)
	@exec $(BIN)/kiosk demo $(if $(CAMERA),--camera) $(if $(FINGER),--finger) $(ARGS)

setup: $(VENV)/installed-dev debian peers

# Browsers and databases wait as much as they work: three share two cores. Whole systems of processes
# wait most of their time: histories, types and imports take the cores meanwhile. What is killed by
# the clock goes alone.
test: setup
	$(BIN)/ruff check .
	$(BIN)/pytest -n 3 --dist loadfile --no-loadscope-reorder $(LONG) tests \
	  --ignore tests/system --ignore tests/histories --ignore $(ALONE)
	@$(MAKE) --no-print-directory --jobs 2 --output-sync check systems
	$(BIN)/pytest $(ALONE)

systems: $(VENV)/installed-dev
	$(BIN)/pytest -n 4 --dist loadfile --no-loadscope-reorder $(LONG_SYSTEMS) tests/system

fast: $(VENV)/installed-dev
	$(BIN)/pytest -m "not slow"

check: $(VENV)/installed-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# A million inputs for each parser; atheris guides them by coverage where it installs.
fuzz: $(VENV)/installed-dev
	@$(BIN)/pip install --quiet --disable-pip-version-check --only-binary atheris --editable '.[fuzz]' || \
	  echo "atheris does not install here: inputs are bred without coverage"
	$(BIN)/python tests/fuzz/long.py $(ARGS)

bench: setup
	@for program in bench/*.py; do echo "== $$program"; $(BIN)/python $$program $(ARGS) || exit 1; done

# Holds the documents to the code, and runs the commands in them that change nothing.
docs: $(VENV)/installed-dev
	@$(BIN)/python docs/make_man.py --check
	@$(BIN)/python docs/check_docs.py --run

# Pages of the manual, from the commands' own words.
man: $(VENV)/installed-dev
	@$(BIN)/python docs/make_man.py

# What an office installs (docs/RELEASES.md): a Debian package, a signed bundle for a stick.
# With CAMERA=1 it has what a camera wants, seven times the size.
ARCH  ?= arm64
PY    ?= 3.11
LOCKS := .ci/package/locks
BUILD  = $(BIN)/python .ci/package/build.py
THIS   = --architecture $(ARCH) --python $(PY) --lock $(LOCKS)/$(ARCH)-$(PY)$(if $(CAMERA),-camera).txt

deb: $(VENV)/installed-dev
	$(BUILD) deb $(THIS) --out dist

bundle: $(VENV)/installed-dev
	@[ -n "$(KEY)" ] || { echo "whose release is it? make bundle KEY=publisher.key"; exit 1; }
	$(BUILD) bundle $(THIS) --key $(KEY) --out dist

# Not part of `make test`: minutes under qemu. Wants root, mmdebstrap, qemu-user-static, arch-test.
deb-test: deb
	$(BIN)/python .ci/package/debtest.py dist/presensi-kiosk_*_$(ARCH).deb

locks: $(VENV)/installed-dev
	for arch in arm64 amd64; do for python in 3.11 3.13; do \
	  $(BUILD) lock --architecture $$arch --python $$python --extras screen --out $(LOCKS)/$$arch-$$python.txt; \
	  $(BUILD) lock --architecture $$arch --python $$python --extras screen camera --out $(LOCKS)/$$arch-$$python-camera.txt; \
	done; done

clean:
	rm -rf $(VENV) .peers demo-data .mypy_cache .ruff_cache .pytest_cache .hypothesis

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV) || \
	  { echo "python3 -m venv failed: apt-get install python3-venv"; exit 1; }

$(VENV)/installed-run: pyproject.toml | $(VENV)/bin/python
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[central,demo]'
	@touch $@

$(VENV)/installed-camera: pyproject.toml | $(VENV)/bin/python
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[camera,central,demo]'
	@touch $@ $(VENV)/installed-run

$(VENV)/installed-dev: pyproject.toml | $(VENV)/bin/python
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@ $(VENV)/installed-run $(VENV)/installed-camera

# Missing packages are installed where this user may; else the line to run is printed.
.PHONY: debian peers
debian:
	@missing=""; \
	for pair in $(DEBIAN); do \
	  if [ "$${pair%%:*}" = - ]; then dpkg -s "$${pair##*:}" 2>/dev/null | grep -q '^Status: .* installed'; \
	  else PATH="$$PATH:/usr/sbin" command -v "$${pair%%:*}" >/dev/null; fi || missing="$$missing $${pair##*:}"; \
	done; \
	[ -z "$$missing" ] && exit 0; \
	if [ "$$(id -u)" = 0 ]; then sudo=; else sudo="sudo -n"; fi; \
	{ $$sudo apt-get update -q && DEBIAN_FRONTEND=noninteractive $$sudo apt-get install -qy --no-install-recommends $$missing; } || \
	  { echo "run this first: sudo apt-get install$$missing"; exit 1; }

peers: $(VENV)/installed-dev
	$(BIN)/python tests/system/peers/install.py
