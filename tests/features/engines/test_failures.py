"""What a user can act on survives the way from a worker, as text among text."""

import pytest

from features.engines import failures
from features.errors import GateError


class LaterError(GateError):
    """A child that the carrier does not know travels as the parent it knows."""


def test_errors_are_carried_as_text():
    with pytest.raises(failures.CarriedError) as sent, failures.packing():
        raise LaterError("s", "f:}", rule="r", next_step="n")
    with pytest.raises(GateError, match=r"^s: f:\}; r. n$"), failures.unpacking():
        raise RuntimeError(f"Traceback …\n{sent.value}\n at java")
    with pytest.raises(KeyError, match="other"), failures.packing(), failures.unpacking():
        raise KeyError("other")
    assert failures.unpack("no facts <<retarget: here") is None
