# make demo   open napari with the plugin and one object clicked (without a display: write demo_output/ and end)
# make test   run the whole test suite, in a real napari window on a virtual display
# make check  ruff, mypy, import-linter and the plugin manifest
# make clean  remove .venv and everything that was built
.PHONY: demo test check setup clean

PYTEST_ARGS ?=
DEMO_ARGS ?=
XVFB = xvfb-run -a -s "-screen 0 1600x1000x24 -nolisten tcp"

demo: setup
	@if [ -n "$$DISPLAY$$WAYLAND_DISPLAY" ] || [ "$$(uname -s)" = Darwin ]; then \
		.venv/bin/python sample_data/demo.py $(DEMO_ARGS); \
	else \
		$(XVFB) .venv/bin/python sample_data/demo.py --unattended $(DEMO_ARGS); \
	fi

test: setup
	@if [ "$$(uname -s)" = Darwin ]; then \
		.venv/bin/python -m pytest $(PYTEST_ARGS); \
	else \
		$(XVFB) .venv/bin/python -m pytest $(PYTEST_ARGS); \
	fi

check: setup
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports
	.venv/bin/npe2 validate napari-iseg --imports

setup:
	@.ci/setup

clean:
	rm -rf .venv demo_output build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
