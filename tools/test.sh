#!/bin/bash
# All tests, in three runs on one set of databases: those that share the machine well; those that drive a browser, whose
# event loop would be in the way of others; those that start the product's own processes, each file a site of its own.
# What fails beside others is tried once more alone: machines are noisy, and a fault of the product fails alone too. Both
# tries are shown. Each run's closing line is shown; the status is the worst. Arguments go to pytest.
#     tools/test.sh [floor] [ARGUMENT…]        floor: the common floor alone, without its slow tests
set -u
bin=${CI_BIN:-.venv/bin}
status=0
failed() { "$bin/python" -m pytest -q --reuse-db --last-failed --last-failed-no-failures none "$@"; }
run() {
	local marks=$1 how=$2
	shift 2
	# shellcheck disable=SC2086 # how holds several words
	"$bin/python" -m pytest -q $how -m "$marks" "$@" && return
	failed -m "$marks" "$@" || status=$?
}
rm -rf .pytest_cache # nothing remembered from before
if [ "${1:-}" = floor ]; then
	shift
	run "not browser and not system and not slow" "-n ${JOBS:-2}" tests/common tests/project tests/test_floors.py "$@"
	exit "$status"
fi
# the files that hold a mark: importing all others takes each worker longer than some of these tests
marked() { grep -rlE --include='test_*.py' "mark\.$1\b" tests; }
run "not system and not browser" "-n ${JOBS:-2} --dist loadfile --reuse-db --create-db" "$@"
for mark in "browser and not system" system; do
	files=
	[ $# -gt 0 ] || files=$(marked "${mark%% *}")
	# shellcheck disable=SC2086 # a word for each file
	run "$mark" "-n ${JOBS:-2} --dist loadfile --reuse-db" $files "$@"
done
exit "$status"
