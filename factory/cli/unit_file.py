"""Units for systemd that are shipped with the programs they run."""

import shutil
import sys
from importlib.resources import files
from pathlib import Path


def unit_file(package: str, program: str, module: str) -> str:
    """The unit `PROGRAM.service` of a package, with this installation's program in the place of /usr/local/bin/PROGRAM.

    Args:
        module: what `python -m` runs where the program itself is not installed.
    """
    unit = (files(package) / f"{program}.service").read_text("utf-8")
    here = shutil.which(program, path=str(Path(sys.executable).parent)) or f"{sys.executable} -m {module}"
    return unit.replace(f"/usr/local/bin/{program}", here)
