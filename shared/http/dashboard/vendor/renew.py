#!/usr/bin/env python3
"""Writes the libraries beside it anew, as npm has them in these versions; with --check it only compares.

A browser resolves no bare import without an import map, which would be inline script: so they are made relative, which also
sees to it that there is one Preact.
"""

import base64
import hashlib
import io
import re
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

# To renew one: its version and the hash that `npm view NAME@VERSION dist.integrity` answers, then run this.
PACKAGES = {
    "preact@11.2.0": "sha512-/HfHI/7N84e6GrWBJ3J280z3mLaRJiDcSvj/A+y/4AbLnND/1UlGHe1sR6oYuTGwId0nP7dqDU9OnLxMPZ7xBg==",
    "htm@3.1.1": "sha512-983Vyg8NwUE7JkZ6NmOqpCZ+sh1bKv2iYTlUkzlWmA5JD2acKoxd4KVxbMmxX/85mtfdnDmTFoNKcg5DGAvxNQ==",
    "@preact/signals@2.11.4": "sha512-Rb+5RPo9gWSaHtzJeauhHxiC8KP/IF2DEPkHPEOGOnuy2wnJzRqyeLRankUCYd6ADqtxS6GnWGv6Ie343d8aYw==",
    "@preact/signals-core@1.14.5": "sha512-vcRv7Ityz5JVmeiVqIluLFzT/PDS/AlhHUpw3/aUWqcVUs6bDGIPXE/6RSC4evBNWYvnniozg5Syfj33al3gkg==",
    "uplot@1.6.32": "sha512-KIMVnG68zvu5XXUbC4LQEPnhwOxBuLyW1AHtpm6IKTXImkbLgkMy+jabjLgSLMasNuGGzQm/ep3tOkyTxpiQIw==",
}

# What is taken of each, and how it is called here.
FILES = {
    "preact": {"dist/preact.mjs": "preact.js", "hooks/dist/hooks.mjs": "hooks.js", "LICENSE": "LICENSE.preact"},
    "htm": {"dist/htm.mjs": "htm.js", "LICENSE": "LICENSE.htm"},
    "@preact/signals": {"dist/signals.mjs": "signals.js", "LICENSE": "LICENSE.signals"},
    "@preact/signals-core": {"dist/signals-core.mjs": "signals-core.js", "LICENSE": "LICENSE.signals-core"},
    "uplot": {"dist/uPlot.iife.min.js": "uplot.js", "dist/uPlot.min.css": "uplot.css", "LICENSE": "LICENSE.uplot"},
}

IMPORTS = {"preact": "preact.js", "preact/hooks": "hooks.js", "@preact/signals-core": "signals-core.js", "htm": "htm.js"}


def package(name: str, integrity: str) -> tarfile.TarFile:
    """The package as npm has it, if its hash is this one."""
    with tempfile.TemporaryDirectory() as folder:
        packed = subprocess.run(["npm", "pack", "--silent", name], cwd=folder, capture_output=True, text=True)
        if packed.returncode:
            sys.exit(f"npm pack {name}: {packed.stderr}")
        content = (Path(folder) / packed.stdout.split()[-1]).read_bytes()
    found = "sha512-" + base64.b64encode(hashlib.sha512(content).digest()).decode()
    if found != integrity:
        sys.exit(f"{name} has the hash {found}, not {integrity}")
    return tarfile.open(fileobj=io.BytesIO(content))


def relative(match: re.Match) -> str:
    return f'{match[1]}"./{IMPORTS[match[2]]}"'


def served(name: str, content: bytes) -> bytes:
    """The file as it is served: with relative imports, and without the name of a source map that is not here."""
    if not name.endswith(".js"):
        return content
    text = re.sub(r"\n?//# sourceMappingURL=\S*\s*$", "\n", content.decode())
    text = re.sub(r'\b(from|import) ?"([^"./][^"]*)"', relative, text)
    if name == "uplot.js":
        # Its module is not minified, three times as large.
        text = text.rstrip() + "\nexport default uPlot;\n"
    return text.encode()


def main() -> None:
    here, check = Path(__file__).parent, "--check" in sys.argv[1:]
    for full, integrity in PACKAGES.items():
        tar = package(full, integrity)
        for source, name in FILES[full.rpartition("@")[0]].items():
            content = served(name, tar.extractfile(f"package/{source}").read())
            if not check:
                (here / name).write_bytes(content)
            elif (here / name).read_bytes() != content:
                sys.exit(f"{name} is not that of {full}: run {Path(__file__).name}")


if __name__ == "__main__":
    main()
