#!/usr/bin/env python3
"""Taskbridge beside its peers: see README.md. `make bench` builds everything first."""

import argparse
import json
import os
import resource
import signal
import sys
from pathlib import Path

from harness import goals, graphs, measure, report

PROJECT = Path(__file__).resolve().parent.parent
DOCS = PROJECT / "docs"


def arguments():
    def names(text):
        return [name for name in text.split(",") if name]

    def variable(name, default):
        return os.environ.get(name) or default

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--built", type=Path, required=True, help="where bench/build.sh has put everything")
    parser.add_argument("--only", type=names, default=[], help="workloads, with commas between them")
    parser.add_argument("--servers", type=names, default=[], help="servers, with commas between them")
    parser.add_argument(
        "--minutes", type=float, default=variable("BENCH_MINUTES", "40"), help="after which nothing new is begun"
    )
    parser.add_argument("--secs", type=float, default=variable("BENCH_SECS", "2"), help="seconds of one measurement")
    parser.add_argument("--reps", type=int, default=variable("BENCH_REPS", "3"), help="repeats")
    parser.add_argument("--docs", action="store_true", help="write the result into docs/performance.md")
    parser.add_argument(
        "--from", dest="measured", type=Path, help="do not measure: take the result that is in this file"
    )
    return parser.parse_args()


def main():
    chosen = arguments()
    # 1,024 connections take more than the usual 1,024 files.
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    signal.signal(signal.SIGTERM, signal.default_int_handler)

    if chosen.measured:
        result = json.loads(chosen.measured.read_text())
    else:
        result = measure.Bench(chosen.built.resolve(), chosen).run()
        measure.save(result, chosen.built / "result.json")
    print(report.whole(result))
    if chosen.docs:
        report.write_docs(result, DOCS / "performance.md")
        graphs.write(result, DOCS / "performance")
    return 1 if goals.failed(result) else 0


if __name__ == "__main__":
    sys.exit(main())
