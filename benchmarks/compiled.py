"""The toolkit as pip leaves a package, and as the peers are: compiled, even where Python is told to write no bytecode."""

import compileall
from pathlib import Path


def compile_toolkit():
    compileall.compile_dir(Path(__file__).resolve().parent.parent / "toolkit", quiet=1)
