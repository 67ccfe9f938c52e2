#!/usr/bin/env python3
"""Describes the crates that the program is built from.

dependencies.py licences    prints their licences, with the texts in their packages
dependencies.py sbom FILE   corrects the list that `cargo cyclonedx` has written to FILE, and prints it
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

TREE = ["tree", "--package", "taskbridge-server", "--edges", "normal,build", "--prefix", "none", "--format", "{p}"]
# Files with the terms of a package, or of a library in C that it contains.
TERMS = re.compile(r"(licen[cs]e|copying|copyright|notice|unlicense)([-.].*)?", re.IGNORECASE)


def cargo(*arguments):
    return subprocess.run(["cargo", *arguments, "--locked"], check=True, capture_output=True, text=True).stdout


def crates():
    """Returns the names and versions of the crates that the program is built from."""
    lines = cargo(*TREE).splitlines()
    return {(name, version.removeprefix("v")) for name, version, *_ in (line.split() for line in lines if line)}


def licences():
    used, texts = crates(), {}
    packages = json.loads(cargo("metadata", "--format-version", "1"))["packages"]
    packages = [package for package in packages if package["source"] and (package["name"], package["version"]) in used]
    print("The program taskbridge contains these crates, under these licences. Texts in their packages follow.\n")
    for package in sorted(packages, key=lambda package: (package["name"], package["version"])):
        crate = f"{package['name']} {package['version']}"
        if not package["license"]:
            sys.exit(f"dependencies: {crate} has no licence")
        print(f"{crate}: {package['license']}")
        files = Path(package["manifest_path"]).parent.rglob("*")
        for file in sorted(file for file in files if file.is_file() and TERMS.fullmatch(file.name)):
            text = file.read_text(encoding="utf-8", errors="replace").strip()
            owners = texts.setdefault(text, [])
            if crate not in owners:
                owners.append(crate)
    for text, owners in texts.items():
        print(f"\n{'=' * 80}\n{', '.join(owners)}\n\n{text}")


def sbom(file):
    """That list also has the crates that only tests need, where a feature for tests is enabled in the same workspace, and it
    contains the folder of the workspace.
    """
    document = json.loads(Path(file).read_text(encoding="utf-8").replace(os.getcwd(), "/taskbridge"))
    used = crates()
    components = [part for part in document["components"] if (part["name"], part["version"]) in used]
    missing = {name for name, _ in used} - {part["name"] for part in components} - {"taskbridge-server"}
    if missing:
        sys.exit(f"dependencies: not in the list: {sorted(missing)}")
    names = {part["bom-ref"] for part in [*components, document["metadata"]["component"]]}
    dependencies = [
        {**entry, "dependsOn": [name for name in entry.get("dependsOn", []) if name in names]}
        for entry in document["dependencies"]
        if entry["ref"] in names
    ]
    json.dump({**document, "components": components, "dependencies": dependencies}, sys.stdout, indent=2)
    print()


match sys.argv[1:]:
    case ["licences"]:
        licences()
    case ["sbom", file]:
        sbom(file)
    case _:
        sys.exit(__doc__)
