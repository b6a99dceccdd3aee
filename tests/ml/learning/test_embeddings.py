"""The table of embeddings: rows that stay where they are, and scores in their order."""

import numpy as np
import pytest

from alpacasorter.ml.learning.embeddings import EmbeddingTable


def vectors(start: int, stop: int, width: int = 3) -> np.ndarray:
    return np.arange(start * width, stop * width, dtype=np.float16).reshape(-1, width)


def total(block: np.ndarray) -> np.ndarray:
    return block.sum(axis=1)


def test_an_empty_table() -> None:
    table = EmbeddingTable()
    assert len(table) == 0
    assert "a" not in table
    assert table.score(total).shape == (0,)
    table.add([], np.empty((0, 3), np.float16))
    assert list(table.keys) == []
    with pytest.raises(KeyError):
        table.get("a")


def test_rows_come_in_the_order_of_their_keys() -> None:
    table = EmbeddingTable()
    table.add(["a", "b"], vectors(0, 2))
    table.add(["c"], vectors(2, 3))
    assert list(table.keys) == ["a", "b", "c"]
    np.testing.assert_array_equal(table.get("b"), [3, 4, 5])
    assert table.get("b").dtype == np.float32
    np.testing.assert_array_equal(table.score(total), [3, 12, 21])


def test_a_key_keeps_its_row() -> None:
    table = EmbeddingTable()
    table.add(["a", "b"], vectors(0, 2))
    table.add(["b", "c", "c"], vectors(5, 8))
    assert list(table.keys) == ["a", "b", "c"]
    np.testing.assert_array_equal(table.get("b"), [3, 4, 5])
    np.testing.assert_array_equal(table.get("c"), [18, 19, 20])


@pytest.mark.parametrize("count", [4095, 4096, 4097, 8192, 9000])
def test_scores_over_many_blocks(count: int) -> None:
    table = EmbeddingTable()
    random = np.random.default_rng(1).normal(size=(count, 4)).astype(np.float16)
    keys = [str(n) for n in range(count)]
    for start in range(0, count, 1000):
        table.add(keys[start : start + 1000], random[start : start + 1000])
    weights = np.array([1, -2, 3, 0.5], np.float32)
    np.testing.assert_allclose(table.score(lambda block: block @ weights), random.astype(np.float32) @ weights, 1e-6)
    assert len(table) == count
    np.testing.assert_array_equal(table.get(keys[-1]), random[-1].astype(np.float32))


def test_keys_and_rows_must_match() -> None:
    with pytest.raises(ValueError, match=r"."):
        EmbeddingTable().add(["a"], vectors(0, 2))
