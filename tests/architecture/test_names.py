"""Names that others use too, and names that must stand in no file."""

import re
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

from tests.architecture.sources import PACKAGES, ROOT, committed_files, modules

# "path" with the reason.
NAMESAKES = {
    "factory/protocol/mailbox.py": "the wire between actors is called so; no file of that folder runs as a script",
}

_DISTRIBUTION = "software-factory"
# Put together from pieces, since this file is read as well.
_REGISTRIES = re.compile("py" + r"pi\b|python" + r"hosted|npm" + r"js\.|/simple" + "/")


def test_no_other_distribution_installs_a_package_of_ours() -> None:
    installed = packages_distributions()

    others = {name: set(installed.get(name, ())) - {_DISTRIBUTION} for name in (*PACKAGES, "tests")}

    # factory_boy does: it would overwrite our `factory/__init__.py` without a word.
    assert {name: found for name, found in others.items() if found} == {}


def test_no_module_is_named_like_the_standard_library_or_a_dependency() -> None:
    taken = (sys.stdlib_module_names | packages_distributions().keys()) - set(PACKAGES) - {"__main__", "tests"}

    # A file that is run as a script puts its folder first on the path, and so shadows its namesake for everyone.
    shadowing = {str(path) for path in modules(*PACKAGES, "tests") if _name(path) in taken}

    assert shadowing == NAMESAKES.keys()


def test_every_folder_of_tests_is_a_package() -> None:
    folders = {(ROOT / path).parent for path in modules("tests")}

    # Else `tests/actors` is found as `actors`, and files of one name in two folders collide.
    assert [str(folder) for folder in folders if not (folder / "__init__.py").is_file()] == []


def test_no_file_names_a_package_registry_or_the_place_it_was_written_in() -> None:
    place = re.compile(rf"{re.escape(str(ROOT))}\b|{re.escape(str(ROOT.parent))}/shared\b")
    texts = {path.relative_to(ROOT): path.read_text("utf-8", errors="replace") for path in committed_files()}

    naming = [str(path) for path, text in texts.items() if _REGISTRIES.search(text) or place.search(text)]

    assert naming == []


def _name(module: Path) -> str:
    return module.parent.name if module.name == "__init__.py" else module.stem
