"""
Run the benchmarks, print their tables and write them to benchmarks/results.md.

    python benchmarks/run.py                 all of them
    python benchmarks/run.py login filter    some of them; the file is left alone
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
from importlib import import_module
from pathlib import Path

import django

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # benchmarks and scripts; the package too, where it is not installed

NAMES = ("login", "memory", "filter", "rotation", "block", "cloudwatch")


def main(arguments: list[str] | None = None) -> int:
    """Measure; return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", choices=[*NAMES, []], help=f"which: {', '.join(NAMES)}")
    chosen = parser.parse_args(arguments).names
    parts = [heading()]
    print(parts[0])
    for name in chosen or NAMES:
        print(f"measuring {name} ...", file=sys.stderr)
        for table in import_module(f"benchmarks.bench_{name}").tables():
            parts.append(str(table))
            print(table, flush=True)
    if not chosen:
        (ROOT / "benchmarks" / "results.md").write_text("\n".join(parts), encoding="utf-8")
    return 0


def heading() -> str:
    """Return what was measured where, and how to read it."""
    return (
        "# Benchmark results\n\n"
        f"Python {platform.python_version()}, Django {django.get_version()}, {os.cpu_count()} cores. "
        "Written by `make bench`.\n"
        "Every ratio compares medians of the same round, all variants in turn; the spread tells how noisy the machine "
        "was.\n"
    )


if __name__ == "__main__":
    sys.exit(main())
