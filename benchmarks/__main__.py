"""Run benchmarks: `python -m benchmarks [NAME…]`. Each one fails for itself; the status is 1 when one failed."""

from __future__ import annotations

import os
import pkgutil
import sys
import time
import traceback
from importlib import import_module
from pathlib import Path

FOLDER = Path("var") / "bench"
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "chengheng.project.settings")
os.environ["CHENGHENG_DATA"] = str(FOLDER / "site")

import benchmarks  # noqa: E402 - the environment comes first
from benchmarks.report import Report  # noqa: E402

_NOT_BENCHMARKS = {"__main__", "report", "glass", "finance_peers", "soak"}


def main(names: list[str]) -> int:
    known = sorted(module.name for module in pkgutil.iter_modules(benchmarks.__path__)) if benchmarks.__path__ else []
    known = [name for name in known if name not in _NOT_BENCHMARKS]
    unknown = set(names) - set(known)
    if unknown:
        print(f"no such benchmark: {', '.join(sorted(unknown))}; there are {', '.join(known)}", file=sys.stderr)
        return 2
    failed = 0
    for name in names or known:
        print(f"\n{name}", flush=True)
        started = time.perf_counter()
        try:
            module = import_module(f"benchmarks.{name}")
            if hasattr(module, "run"):
                report = Report(name)
                module.run(report)
                report.write(FOLDER)
            else:
                module.main()
        except Exception:
            failed += 1
            traceback.print_exc()
        print(f"  ({time.perf_counter() - started:.0f} s)", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
