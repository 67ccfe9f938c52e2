#!/usr/bin/env python3
"""Try the recipes of docs/extending.md.

    recipes.py [--docs] [name...]

Each file tests/recipes/NAME.patch is the change that a recipe describes. For each of them, in a copy of the last commit:
the change is applied, and the tests must pass. Then one part of it after the other is removed, and something must fail: the
compiler, with warnings as errors as in clippy, or a test. `--docs` writes the result into docs/extending.md.
"""

import argparse
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
COPY = ROOT / "target" / "recipes"
PAGE = ROOT / "docs" / "extending.md"
BEGIN, END = "<!-- `make recipes` writes this table. -->\n", "\n<!-- The end of the table. -->"
# Files that a command writes. They do not count, and are no parts.
GENERATED = re.compile(r"migrations/tests/snapshots/|migrations/README\.md|Cargo\.lock|examples/nextjs/lib/schema\.d\.ts")
# Tests are what notices that a part is missing, so they are no parts.
TESTS = re.compile(r"(^|/)tests/|/tests\.rs$")
CHECK = ["cargo", "check", "--quiet", "--workspace", "--all-targets"]
TEST = ["cargo", "test", "--quiet", "--no-fail-fast", "--workspace", "--lib", "--bins", "--test", "contract", "--test", "migrations"]
TEST += ["--test", "properties", "--test", "web_api", "--", "--skip", "on_postgres", "--skip", "behind_a_pooler"]
SNAPSHOTS = ["cargo", "test", "--quiet", "--workspace", "--test", "migrations", "--", "it_creates", "readme"]
OUTSIDE = ["cargo", "test", "--quiet", "--offline"]


def git(*arguments, **options):
    return subprocess.run(["git", *arguments], cwd=COPY / "source", check=True, capture_output=True, text=True, **options).stdout


def run(command, folder=None, **variables):
    """Returns whether a command succeeds without a warning, and its output."""
    environment = {**os.environ, **variables, "CARGO_TARGET_DIR": str(COPY / "target")}
    done = subprocess.run(
        command, cwd=folder or COPY / "source", env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    return done.returncode == 0 and not re.search(r"^warning", done.stdout, re.M), done.stdout


def verdict(outside):
    """Returns what fails in the copy, with its output, or `None`."""
    if outside:
        passed, output = run(OUTSIDE, COPY / "source" / outside)
        return None if passed else ("compiler or test", output)
    for name, command in (("compiler", CHECK), ("test", TEST)):
        passed, output = run(command)
        if not passed:
            return name, output
    return None


def parts(patch):
    """Returns each part of a change, as a patch of its own: the runs of changed lines that are not only comments."""
    for file in re.split(r"(?=^diff --git )", patch, flags=re.M)[1:]:
        path = re.search(r"^diff --git a/(\S+)", file)[1]
        if GENERATED.search(path) or TESTS.search(path):
            continue
        head, *hunks = re.split(r"(?=^@@ )", file, flags=re.M)
        if "\nnew file mode" in head:
            yield path, file
            continue
        for hunk in hunks:
            changed = [line[1:].strip() for line in hunk.splitlines()[1:] if line[:1] in "+-"]
            if any(line and not line.startswith("//") for line in changed):
                yield f"{path}: {next(line for line in changed if line and not line.startswith('//'))}", head + hunk


def try_recipe(path):
    """Returns the row of a recipe and the parts whose absence nothing notices."""
    git("reset", "--quiet", "--hard")
    git("clean", "-qfdx")
    text = path.read_text()
    git("apply", "--index", str(path))
    made = re.findall(r"^\+\+\+ b/(\S+)", text, re.M)
    files = [file for file in made if not GENERATED.search(file)]
    manifest = next((file for file in made if file.endswith("Cargo.toml") and not file.startswith(("crates/", "examples/"))), None)
    outside = os.path.dirname(manifest) if manifest else None
    if any(file.startswith("migrations/src/steps/") for file in made):
        passed, output = run(["scripts/with-postgres.sh", *SNAPSHOTS], UPDATE_SNAPSHOTS="1")
        if not passed:
            sys.exit(f"{path.stem}: the snapshots cannot be written\n{output}")
    git("add", "--all")
    failure = verdict(outside)
    if failure:
        sys.exit(f"{path.stem}: with the whole change, the {failure[0]} fails\n{failure[1]}")
    all_parts = list(parts(git("diff", "--cached", "--unified=0")))
    lines = sum(len(re.findall(r"^\+(?!\+\+)", file, re.M)) for file in re.split(r"(?=^diff --git )", text, flags=re.M)
                if not GENERATED.search(file.split("\n")[0]))
    silent, by = [], {}
    for name, part in all_parts:
        git("apply", "--reverse", "--unidiff-zero", "-", input=part)
        failure = verdict(outside)
        git("checkout", "--quiet", "--", ".")
        git("clean", "-qfd")
        kind = failure[0] if failure else "nothing"
        by[kind] = by.get(kind, 0) + 1
        print(f"  {kind:9} notices: {name}", flush=True)
        if not failure:
            silent.append(name)
    print(f"{path.stem}: {len(files)} files, {lines} lines, {len(all_parts)} parts, {len(silent)} silent", flush=True)
    noticed = by.get("compiler", 0), by.get("test", 0) + by.get("compiler or test", 0)
    return f"| {path.stem} | {len(files)} | {lines} | {len(all_parts)} | {noticed[0]} | {noticed[1]} | {len(silent)} |", silent


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--docs", action="store_true")
    parser.add_argument("names", nargs="*")
    arguments = parser.parse_args()
    COPY.mkdir(parents=True, exist_ok=True)
    subprocess.run(["rm", "-rf", str(COPY / "source")], check=True)
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(COPY / "source")], check=True)
    recipes = sorted((ROOT / "tests" / "recipes").glob("*.patch"))
    recipes = [path for path in recipes if not arguments.names or path.stem in arguments.names]
    rows, silent = [], []
    for path in recipes:
        row, unnoticed = try_recipe(path)
        rows.append(row)
        silent += [f"{path.stem}: {name}" for name in unnoticed]
    if arguments.docs:
        head = "| recipe | files | lines | parts | the compiler notices | a test notices | silent |\n| --- | --- | --- | --- | --- | --- | --- |\n"
        page = PAGE.read_text()
        begin, end = page.index(BEGIN) + len(BEGIN), page.index(END)
        PAGE.write_text(page[:begin] + head + "\n".join(rows) + page[end:])
    if silent:
        sys.exit("nothing fails without these parts:\n" + "\n".join(silent))


main()
