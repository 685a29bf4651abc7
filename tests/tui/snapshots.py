"""Text snapshots: what a screen shows in a fixed state, as lines that a reviewer can read in a diff."""

from pathlib import Path

FOLDER = Path(__file__).parent / "snapshots"


def expected(name: str, shown: str, *, write: bool) -> None:
    """Compares with the file of this name, or writes it."""
    file = FOLDER / f"{name}.txt"
    if write:
        FOLDER.mkdir(exist_ok=True)
        _ = file.write_text(shown + "\n", "utf-8")
    assert file.exists(), f"{file.name} is missing: UPDATE_SNAPSHOTS=1 writes it\n{shown}"
    assert shown + "\n" == file.read_text("utf-8"), f"{name} looks different; UPDATE_SNAPSHOTS=1 takes it over"
