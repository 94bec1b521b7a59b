#!/bin/bash
# All tests: first those that may share the machine, then those that start the product's own processes, one at a time.
# Both runs' closing lines are shown; the status is the worse of the two. Arguments go to pytest.
set -u
bin=${CI_BIN:-.venv/bin}
status=0
"$bin/python" -m pytest -q -n "${JOBS:-2}" --dist loadfile -m "not system" "$@" || status=$?
"$bin/python" -m pytest -q -m system "$@" || status=$?
exit "$status"
