# Thin: what each target does is in scripts/. Everything is built below build/.
.PHONY: build test check demo bench clean

build:
	scripts/bootstrap.sh && scripts/build.sh

test:
	scripts/bootstrap.sh && scripts/env.sh python scripts/test.py

check:
	python3 sql/compile.py --check && scripts/format.sh --check

demo:
	scripts/bootstrap.sh && scripts/build.sh >build/build.log && scripts/env.sh python examples/demo.py

bench:
	scripts/bootstrap.sh && scripts/build.sh >build/build.log && scripts/env.sh python tests/bench/run.py && scripts/env.sh python tests/bench/embedded.py

clean:
	rm -rf build
