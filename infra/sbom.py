"""What the program `errand` is made of, as CycloneDX: `python3 infra/sbom.py TARGET FILE`. Needs cargo-cyclonedx.

That goes by what any package of the workspace might need, the AWS SDK for one. Here only those crates stay that Cargo compiles for
the program.
"""

import json
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent / "local"


def compiled(target: str) -> set[tuple[str, str]]:
    """Names and versions of the crates that the program is compiled of, and with."""
    tree = ["cargo", "tree", "--locked", "--edges", "normal,build", "--prefix", "none", "--target", target]
    said = subprocess.run([*tree, "--format", "{p}"], cwd=PACKAGE, stdout=subprocess.PIPE, text=True, check=True).stdout
    return {(name, version.removeprefix("v")) for name, version, *_ in map(str.split, filter(None, said.splitlines()))}


def without(bom: dict, crates: set[tuple[str, str]]) -> dict:
    """The same without components that are none of these crates, all of which have to be there."""
    program = bom["metadata"]["component"]
    kept = [part for part in bom["components"] if (part["name"], part["version"]) in crates]
    missing = crates - {(part["name"], part["version"]) for part in kept} - {("errand-local", program["version"])}
    if missing:
        raise SystemExit(f"nothing is said of {sorted(missing)}")
    there = {part["bom-ref"] for part in kept} | {program["bom-ref"]}
    needs = [need | {"dependsOn": [ref for ref in need.get("dependsOn", []) if ref in there]}
             for need in bom["dependencies"] if need["ref"] in there]
    return bom | {"components": kept, "dependencies": needs}


def main(target: str, file: str):
    described = ["cargo", "cyclonedx", "--format", "json", "--describe", "binaries", "--target", target]
    subprocess.run(described, cwd=PACKAGE, check=True)
    bom = json.loads((PACKAGE / "errand_bin.cdx.json").read_text())
    Path(file).write_text(json.dumps(without(bom, compiled(target)), indent=2) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
