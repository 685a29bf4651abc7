import pytest
from hypothesis import given
from hypothesis import strategies as st

from factory.domain.spec import MAX_SPEC_BYTES, Spec, SpecProblem, Task, parse_spec, read_spec, remaining

_TEXT = """\
# Add a greeting

Some prose with [ ] brackets.

- [ ] write `hello.py`
  - [x] the function
    * [X] its docstring
- [ ] test it

```markdown
- [ ] an example, not a task
```

## Files

- `src/hello.py` the module
- tests/test_hello.py: its test
- ./README.md

### Generated

- `docs/a file.md`

## Notes

- not/a/file
"""


def _read(text: str | bytes) -> Spec:
    spec = read_spec(text)
    assert isinstance(spec, Spec), spec
    return spec


def _reason(text: str | bytes) -> str:
    problem = read_spec(text)
    assert isinstance(problem, SpecProblem), problem
    return problem.reason


def test_title_tasks_and_files_are_read() -> None:
    spec = _read(_TEXT)

    assert spec.title == "Add a greeting"
    assert spec.tasks == (
        Task("write `hello.py`", done=False, depth=0),
        Task("the function", done=True, depth=1),
        Task("its docstring", done=True, depth=2),
        Task("test it", done=False, depth=0),
    )
    assert spec.files == ("src/hello.py", "tests/test_hello.py", "README.md", "docs/a file.md")
    assert (spec.open_tasks, spec.done_tasks) == (2, 2)


def test_a_spec_without_a_heading_is_named_by_its_first_line() -> None:
    assert _read("\n\nFix the bug\n\n1. [ ] now\n").title == "Fix the bug"


def test_a_closing_row_of_hashes_is_no_part_of_the_title() -> None:
    assert _read("# Title ##\n- [ ] a").title == "Title"


def test_an_unclosed_fence_hides_what_follows_and_a_longer_one_is_closed_by_its_like() -> None:
    assert parse_spec("~~~\n- [ ] a").tasks == ()
    assert parse_spec("````\n```\n- [ ] a\n````\n- [ ] b").tasks == (Task("b", done=False, depth=0),)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("# Only prose", "has no tasks", id="no tasks"),
        pytest.param("", "has no tasks", id="empty"),
        pytest.param("- [ ] a\n" + "x" * MAX_SPEC_BYTES, "800,000 are allowed", id="too large"),
        pytest.param(b"- [ ] a\xff", "not UTF-8 text: byte 8", id="not UTF-8"),
        pytest.param("- [ ] \ud800", "not UTF-8", id="half a surrogate pair"),
        pytest.param("- [ ] a\0", "binary", id="binary"),
        pytest.param("- [ ] a\n## Files\n- `/etc/passwd`", "not a path inside", id="absolute file"),
        pytest.param("- [ ] a\n## Files\n- ../other", "not a path inside", id="file above"),
    ],
)
def test_what_cannot_be_worked_on_is_refused_with_a_sentence(text: str | bytes, words: str) -> None:
    assert words in _reason(text)


def test_a_deleted_box_still_remains_to_do() -> None:
    original = _read("- [ ] a\n- [ ] b\n- [ ] c")

    assert remaining(original, parse_spec("- [x] a\n- [x] b\n- [x] c")) == 0
    assert remaining(original, parse_spec("- [x] a")) == 2
    assert remaining(original, parse_spec("- [x] a\n- [x] b\n- [x] c\n- [ ] found on the way")) == 1


@given(st.text(alphabet="-*[] xX#`~\n\t1.aF/iles"))
def test_any_text_is_read_or_refused(text: str) -> None:
    spec = parse_spec(text)

    assert spec.open_tasks + spec.done_tasks == len(spec.tasks)


@given(st.binary())
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    assert isinstance(read_spec(raw), Spec | SpecProblem)


@pytest.mark.timeout(10)
@pytest.mark.parametrize("unit", ["- [ ] a\n", "#" + " " * 20 + "a", " - [ ]\t", "`", "- " + " " * 50], ids=repr)
def test_a_hostile_spec_of_full_size_is_read_in_linear_time(unit: str) -> None:
    text = "## Files\n- " + unit * ((MAX_SPEC_BYTES - 20) // len(unit))

    assert isinstance(read_spec(text), Spec | SpecProblem)


def test_a_spec_whose_boxes_are_all_ticked_has_nothing_to_do_and_is_refused() -> None:
    problem = read_spec("# Done\n\n- [x] one\n- [X] two\n")

    assert isinstance(problem, SpecProblem)
    assert problem.reason.startswith("The spec has no open task")
    assert isinstance(read_spec("- [x] one\n- [ ] two\n"), Spec)
