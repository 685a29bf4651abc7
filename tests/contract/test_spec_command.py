"""A real command: what it reads, what it may not see, and that nothing of it is left."""

import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from factory.domain.spec import MAX_SPEC_BYTES
from factory.integrations.spec_command import CommandSpecs
from factory.spec_ports import BadSpec, Cost, SpecUnavailable
from tests.contract.spec_writers import ORDER, command
from tests.waiting import eventually

SPEC = "# Whatever\n\n- [ ] do it\n\n## Files\n\n- a.py\n"


def test_a_spec_in_its_own_words_is_taken_as_it_is(tmp_path: Path) -> None:
    written = command(tmp_path, f"print({SPEC!r})").write(ORDER)

    assert written.finished.spec == SPEC + "\n"
    assert (written.finished.files, written.by, written.cost) == (("a.py",), "spec_command", Cost())


def test_it_reads_the_issue_and_what_is_known_as_json(tmp_path: Path) -> None:
    told = tmp_path / "told"
    code = f"open({str(told)!r}, 'w').write(repr(order)); print('- [ ] do it')"

    command(tmp_path, code).write(ORDER)

    order = eval(told.read_text("utf-8"))  # noqa: S307 - written by our own program just now
    assert (order["item"], order["repo"], order["base_branch"]) == ("0123456789", "owner/repo", "main")
    assert order["issue"]["title"] == "Greet people"
    assert order["repository"]["files"] == ["greet.py"]
    assert (order["learnings"], order["must_decide"], order["complaint"]) == (["use make"], False, "")


def test_no_credential_is_in_its_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ANTHROPIC_API_KEY", "GITHUB_TOKEN", "PGPASSWORD", "HTTPS_PROXY", "SOMETHING_ELSE"):
        monkeypatch.setenv(name, "canary")
    told = tmp_path / "told"

    command(tmp_path, f"open({str(told)!r}, 'w').write(repr(dict(os.environ))); print('- [ ] do it')").write(ORDER)

    assert "canary" not in told.read_text("utf-8")
    assert "PATH" in told.read_text("utf-8")


def test_a_status_that_is_not_zero_means_not_now_for_this_item(tmp_path: Path) -> None:
    with pytest.raises(SpecUnavailable, match="ended with status 3: it is closed today") as raised:
        command(tmp_path, "sys.stderr.write('it is closed\\ntoday'); sys.exit(3)").write(ORDER)

    assert not raised.value.everyone


def test_a_credential_that_it_prints_is_told_to_nobody(tmp_path: Path) -> None:
    key = "AKIA" + "IOSFODNN7EXAMPLQ"

    with pytest.raises(SpecUnavailable) as raised:
        command(tmp_path, f"sys.exit('no access with {key}')").write(ORDER)

    assert key not in str(raised.value)


def test_one_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(SpecUnavailable, match="'no-such-program', which is no program here"):
        CommandSpecs("no-such-program --spec", tmp_path, 5.0).write(ORDER)


def test_one_that_reads_nothing_and_ends_is_judged_by_what_it_printed(tmp_path: Path) -> None:
    assert CommandSpecs("echo '- [ ] do it'", tmp_path, 60.0).write(ORDER).finished.spec == "- [ ] do it\n"


def test_one_that_prints_without_end_is_ended(tmp_path: Path) -> None:
    with pytest.raises(BadSpec, match=f"more than {MAX_SPEC_BYTES:,} bytes"):
        command(tmp_path, "while True: sys.stdout.write('x' * 65536)").write(ORDER)


_LEAVES_A_CHILD = """
import subprocess
child = subprocess.Popen(["sleep", "1000"], stdin=subprocess.DEVNULL, stdout={out}, stderr={out})
open({pid!r}, "w").write(str(child.pid))
{then}
"""


@pytest.mark.parametrize(
    ("out", "then", "error"),
    [("subprocess.DEVNULL", "print('- [ ] do it')", None), ("None", "import time; time.sleep(1000)", "took longer than 1 s")],
    ids=["ended well", "killed"],
)
def test_whatever_it_started_is_gone_when_it_is(tmp_path: Path, out: str, then: str, error: str | None) -> None:
    pid = tmp_path / "pid"
    writer = command(tmp_path, _LEAVES_A_CHILD.format(out=out, pid=str(pid), then=then), timeout=60.0 if error is None else 1.0)

    if error is None:
        writer.write(ORDER)
    else:
        with pytest.raises(SpecUnavailable, match=error):
            writer.write(ORDER)

    if pid.is_file():
        child = int(pid.read_text("utf-8"))
        eventually(lambda: _is_gone(child), 20)


_STARTS_IT = """
from pathlib import Path
from tests.contract.spec_writers import ORDER, command
command(Path({folder!r}), {code!r}).write(ORDER)
"""


def test_it_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    code = f"open({str(pid)!r}, 'w').write(str(os.getpid()))\nimport time; time.sleep(1000)"
    root = str(Path(__file__).parents[2])

    starter = subprocess.Popen([sys.executable, "-c", _STARTS_IT.format(folder=str(tmp_path), code=code)], cwd=root)
    try:
        began = int(eventually(lambda: pid.read_text("utf-8") if pid.is_file() else "", 30))
    finally:
        starter.kill()
        starter.wait(30)

    eventually(lambda: _is_gone(began), 20)


def _is_gone(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
