"""What a notebook of a run is executed by: this interpreter, without the user's profile, or a kernel forked from it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from toolkit import store, warm

_KERNEL = f"""
import runpy, sys
sys.modules.update(dict.fromkeys({warm.NEEDLESS}))
runpy.run_module("ipykernel_launcher", run_name="__main__")
"""


def prepare(scratch: Path) -> None:
    """Let ``python3`` mean this interpreter, whatever else is installed, and keep the user's profile out.

    Kernels are asked of the server whose address is in ``$TOOLKIT_WARM_SERVER``, if any.
    """
    server = os.environ.get("TOOLKIT_WARM_SERVER")
    start = ["-SEc", warm.CLIENT, server, _KERNEL] if server else ["-c", _KERNEL]
    spec = {"argv": [sys.executable, *start, "-f", "{connection_file}"], "display_name": "Python 3"}
    store.write_json({**spec, "language": "python"}, scratch / "kernels" / "python3" / "kernel.json")
    places = {"JUPYTER_PATH": scratch, "JUPYTER_RUNTIME_DIR": scratch, "IPYTHONDIR": scratch / "ipython"}
    os.environ.update({name: str(place) for name, place in places.items()})
