"""Arrays that cannot be written to."""

from __future__ import annotations

import numpy as np
import pytest

from features.arrays import read_only


def test_the_view_is_of_the_same_numbers_and_refuses_to_be_written():
    numbers = np.arange(3)
    view = read_only(numbers)
    with pytest.raises(ValueError, match="read-only"):
        view[0] = 7
    numbers[1] = 5
    assert view.tolist() == [0, 5, 2]


def test_numbers_on_disk_become_a_plain_array(tmp_path):
    np.save(tmp_path / "numbers.npy", np.arange(3.0))
    assert type(read_only(np.load(tmp_path / "numbers.npy", mmap_mode="r"))) is np.ndarray
