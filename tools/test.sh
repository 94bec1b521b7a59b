#!/bin/bash
# All tests, in three runs on one set of databases: those that share the machine well; those that drive a browser, whose
# event loop would be in the way of others; those that start the product's own processes, one at a time.
# Each run's closing line is shown; the status is the worst. Arguments go to pytest.
set -u
bin=${CI_BIN:-.venv/bin}
status=0
"$bin/python" -m pytest -q -n "${JOBS:-2}" --dist loadfile --reuse-db --create-db -m "not system and not browser" "$@" || status=$?
"$bin/python" -m pytest -q -n "${JOBS:-2}" --dist loadfile --reuse-db -m "browser and not system" "$@" || status=$?
"$bin/python" -m pytest -q -m system "$@" || status=$?
exit "$status"
