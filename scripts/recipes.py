#!/usr/bin/env python3
"""Try the recipes of docs/extending.md.

    recipes.py [--docs] [name...]

Each file tests/recipes/NAME.patch is the change that a recipe describes; the change of the recipe `resource` is
examples/notes. For each of them, in a copy of the last commit: the change is applied, and the tests must pass. Then one part
of it after the other is removed, and something must fail: the compiler, with warnings as errors as in clippy, or a test.
`--docs` writes the result into docs/extending.md.

A part is a run of changed lines. New files are removed as a whole; if there is a file NAME.lines, each of its lines is removed
from them, too.
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
# Files that a command writes, and the page of the example. They do not count, and are no parts.
GENERATED = re.compile(r"examples/notes/README\.md|migrations/tests/snapshots/|migrations/README\.md|Cargo\.lock|examples/nextjs/lib/schema\.d\.ts")
# Tests notice that a part is missing. They are no parts themselves.
TESTS = re.compile(r"(^|/)tests/|/tests\.rs$")
CHECK = ["cargo", "check", "--quiet", "--workspace", "--all-targets"]
TEST = ["cargo", "test", "--quiet", "--no-fail-fast", "--workspace", "--lib", "--bins", "--test", "contract", "--test", "migrations"]
TEST += ["--test", "properties", "--test", "web_api", "--", "--skip", "on_postgres", "--skip", "behind_a_pooler"]
SNAPSHOTS = ["cargo", "test", "--quiet", "--workspace", "--test", "migrations", "--", "it_creates", "readme"]
OUTSIDE = ["cargo", "test", "--quiet", "--offline"]
NOTES = ["scripts/with-postgres.sh", "cargo", "test", "--quiet", "--package", "taskbridge-notes"]


def git(*arguments, **options):
    return subprocess.run(["git", *arguments], cwd=COPY / "source", check=True, capture_output=True, text=True, **options).stdout


def run(command, folder=None, **variables):
    """Returns whether a command succeeds without a warning, and its output."""
    environment = {**os.environ, **variables, "CARGO_TARGET_DIR": str(COPY / "target")}
    done = subprocess.run(
        command, cwd=folder or COPY / "source", env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    return done.returncode == 0 and not re.search(r"^warning", done.stdout, re.M), done.stdout


def verdict(folder):
    """Returns what fails in the copy, and its output; `None` if nothing does. `folder` is that of a package of its own."""
    commands = [("compiler", CHECK), ("test", TEST)]
    if folder == "examples/notes":
        commands = [("compiler", [*CHECK[:3], "--package", "taskbridge-notes", "--all-targets"]), ("test", NOTES)]
    elif folder:
        commands = [("compiler", [*CHECK[:3], "--offline", "--all-targets"]), ("test", OUTSIDE)]
    for name, command in commands:
        passed, output = run(command, COPY / "source" / folder if folder == "outside" else None)
        if not passed:
            return name, output
    return None


def without_lines(recipe, files):
    """Yields a name for each line that NAME.lines says, and a function that removes it from the new files."""
    lines = recipe.with_suffix(".lines")
    for wanted in lines.read_text().splitlines() if lines.exists() else []:
        places = [
            (file, number)
            for file in files
            for number, line in enumerate((COPY / "source" / file).read_text().splitlines())
            if line.strip() == wanted.strip()
        ]
        if not places:
            sys.exit(f"{lines}: no file has the line {wanted!r}")
        for file, number in places:
            yield f"{file}:{number + 1}: {wanted.strip()}", file, number


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
            code = [line for line in changed if line and not line.startswith("//")]
            if code and not re.match(r"#\[(tokio::)?test\]", code[0]):
                yield f"{path}: {code[0]}", head + hunk


def remove_line(file, number):
    path = COPY / "source" / file
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:number] + lines[number + 1 :]))


def try_recipe(path):
    """Returns the row of a recipe and the parts whose absence nothing notices."""
    git("reset", "--quiet", "--hard")
    git("clean", "-qfdx")
    if path.suffix == ".patch":
        git("apply", "--index", str(path))
        made = git("diff", "--cached", "--name-only").split()
        folder = "outside" if any(file.startswith("outside/") for file in made) else None
    else:
        folder = "examples/notes"
        made = git("ls-files", folder).split()
    if any(file.startswith("migrations/src/steps/") for file in made):
        passed, output = run(["scripts/with-postgres.sh", *SNAPSHOTS], UPDATE_SNAPSHOTS="1")
        if not passed:
            sys.exit(f"{path.stem}: the snapshots cannot be written\n{output}")
    git("add", "--all")
    failure = verdict(folder)
    if failure:
        sys.exit(f"{path.stem}: with the whole change, the {failure[0]} fails\n{failure[1]}")
    files = [file for file in made if not GENERATED.search(file)]
    diff = git("diff", "--cached", "--unified=0", "--", *files) if path.suffix == ".patch" else ""
    lines = len(re.findall(r"^\+(?!\+\+)", diff, re.M)) or sum(len((COPY / "source" / file).read_text().splitlines()) for file in files)
    all_parts = [(name, lambda part=part: git("apply", "--reverse", "--unidiff-zero", "-", input=part)) for name, part in parts(diff)]
    removable = [file for file in files if file.endswith(".rs") and not TESTS.search(file)]
    all_parts += [(name, lambda file=file, number=number: remove_line(file, number)) for name, file, number in without_lines(path, removable)]
    silent, by = [], {"compiler": 0, "test": 0}
    for name, remove in all_parts:
        remove()
        failure = verdict(folder)
        git("checkout", "--quiet", "--", ".")
        print(f"  {failure[0] if failure else 'NOTHING':8} notices: {name}", flush=True)
        if failure:
            by[failure[0]] += 1
        else:
            silent.append(name)
    print(f"{path.stem}: {len(files)} files, {lines} lines, {len(all_parts)} parts, {len(silent)} silent", flush=True)
    return f"| {path.stem} | {len(files)} | {lines} | {len(all_parts)} | {by['compiler']} | {by['test']} | {len(silent)} |", silent


def write(rows):
    """Writes the rows into the page, where they replace those of the same recipes."""
    head = "| recipe | files | lines | parts | the compiler notices | a test notices | silent |\n| --- | --- | --- | --- | --- | --- | --- |\n"
    page = PAGE.read_text()
    begin, end = page.index(BEGIN) + len(BEGIN), page.index(END)
    by_name = {row.split(" ")[1]: row for row in [*page[begin:end].splitlines()[2:], *rows] if row}
    PAGE.write_text(page[:begin] + head + "\n".join(by_name[name] for name in sorted(by_name)) + page[end:])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--docs", action="store_true")
    parser.add_argument("names", nargs="*")
    arguments = parser.parse_args()
    COPY.mkdir(parents=True, exist_ok=True)
    subprocess.run(["rm", "-rf", str(COPY / "source")], check=True)
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(COPY / "source")], check=True)
    folder = ROOT / "tests" / "recipes"
    recipes = sorted([*folder.glob("*.patch"), folder / "resource.lines"])
    recipes = [path for path in recipes if not arguments.names or path.stem in arguments.names]
    rows, silent = [], []
    for path in recipes:
        row, unnoticed = try_recipe(path)
        rows.append(row)
        silent += [f"{path.stem}: {name}" for name in unnoticed]
    if arguments.docs:
        write(rows)
    if silent:
        sys.exit("nothing fails without these parts:\n" + "\n".join(silent))


main()
