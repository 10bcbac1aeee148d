"""The toolkit compiled, as pip leaves a package and as the peers are, even where Python shall write no bytecode."""

import compileall
from pathlib import Path


def compile_toolkit():
    compileall.compile_dir(Path(__file__).resolve().parent.parent / "toolkit", quiet=1)
