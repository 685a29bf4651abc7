"""What people are told of the settings cannot be behind the settings."""

import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from factory.config import Settings, load
from factory.config_masking import mask
from factory.config_reference import LIVE, commented_file, differing, settings, shown, with_table
from factory.errors import InvalidInput
from tests.architecture.sources import ROOT

_NOTHING = {"database_url", "gates", "guarded_paths"}
"""Their lines in the file are examples: the default is nothing, or shows nobody what belongs there."""


def switched_on(text: str) -> Iterator[str]:
    for line in text.splitlines():
        yield line[1:] if line.startswith("#") and not line.startswith("# ") else line


def test_every_setting_has_a_sentence_in_the_settings_themselves() -> None:
    assert [each.name for each in settings() if not each.about.endswith(".")] == []


def test_the_file_changes_nothing_and_names_every_setting(tmp_path: Path) -> None:
    (tmp_path / "factory.toml").write_text(commented_file())

    assert load({"HOME": str(tmp_path)}, tmp_path) == Settings()
    assert tomllib.loads("\n".join(switched_on(commented_file()))).keys() == {each.name for each in settings()}


def test_each_line_switched_on_says_the_default_and_is_valid(tmp_path: Path) -> None:
    (tmp_path / "factory.toml").write_text("\n".join(switched_on(commented_file())))

    loaded = load({"HOME": str(tmp_path)}, tmp_path)

    examples = {name for name in Settings.model_fields if getattr(loaded, name) != getattr(Settings(), name)}
    assert examples - _NOTHING <= {"mcp", "engine_keys", "needs_labels", "keys", "repos", "trusted_bots"}


def test_the_readme_has_the_table_of_today() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")

    assert with_table(readme) == readme, "run scripts/readme-settings"


def test_a_readme_without_a_place_for_it_is_refused() -> None:
    with pytest.raises(InvalidInput, match="put <!-- settings"):
        with_table("# Readme\n")


def test_each_value_is_shown_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "factory.toml").write_text('cooldown = "5m"\nmax_workers = 3\n')

    values = {each.name: each for each in shown({"HOME": str(tmp_path), "MAX_WORKERS": "4"}, tmp_path, {"heartbeat": "500ms"})}

    told = {name: (values[name].value, values[name].text, values[name].origin) for name in ("cooldown", "max_workers", "heartbeat")}
    assert told == {
        "cooldown": (300.0, '"5m"', str(tmp_path / "factory.toml")),
        "max_workers": (4, "4", "MAX_WORKERS"),
        "heartbeat": (0.5, '"500ms"', "--set heartbeat"),
    }
    assert values["max_files"].origin == "default"
    assert values.keys() == Settings.model_fields.keys()


@pytest.mark.parametrize(
    ("secret", "told"),
    [
        ("postgresql://me:hush@db.example.org:5433/factory?password=hush", "postgresql://***@db.example.org:5433/factory"),
        ("host=db user=me password=hush", "***"),
        ("postgresql://[broken", "***"),
    ],
)
def test_of_a_secret_only_what_is_none_is_shown(secret: str, told: str) -> None:
    assert mask(secret) == told


def test_a_database_with_a_password_is_masked_wherever_it_is_shown(tmp_path: Path) -> None:
    values = shown({"HOME": str(tmp_path), "DATABASE_URL": "postgresql://me:hush@db/factory"}, tmp_path)

    assert "hush" not in repr(values)


_SERVERS = """
[mcp.docs]
command = "npx"
args = ["-y", "docs-server", "--api-key", "hush-1", "--token=hush-2", "postgresql://me:hush-3@db/x", "sk-ant-api03-hush4hush4hush4hush4"]
env = { KEY = "hush-5" }
[mcp.far]
type = "http"
url = "https://me:hush-6@mcp.example.org/hush-7/sse?key=hush-8"
headers = { Authorization = "Bearer hush-9" }
helper = "/bin/get-token hush-10"
[mcp.near]
url = "http://localhost:8080/"
"""


def test_of_servers_that_may_hold_keys_what_holds_none_is_shown(tmp_path: Path) -> None:
    (tmp_path / "factory.toml").write_text(_SERVERS)

    values = shown({"HOME": str(tmp_path)}, tmp_path)

    assert next(each.value for each in values if each.name == "mcp") == {
        "docs": {
            "command": "npx",
            "args": ["-y", "docs-server", "--api-key", "***", "--token=***", "postgresql://db/***", "***"],
            "env": {"KEY": "***"},
        },
        "far": {"type": "http", "url": "https://mcp.example.org/***", "headers": {"Authorization": "***"}, "helper": "***"},
        "near": {"url": "http://localhost:8080"},
    }
    assert "hush" not in repr(values)


def test_what_differs_is_told_apart_by_what_it_needs() -> None:
    live, restart = differing(Settings(), Settings(max_workers=9, stuck_after=9))

    assert (live, restart) == (["max_workers"], ["stuck_after"])
    assert Settings.model_fields.keys() >= LIVE
