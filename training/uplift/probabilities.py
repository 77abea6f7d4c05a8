"""The probability of every arm for every row, from what a file or a table says of it."""

from __future__ import annotations

from typing import Final

import numpy as np

from features.arrays import FloatArray, IntArray
from features.errors import InputError
from features.sources.flat_table import FlatTable
from training.uplift.data_config import FlatTableData

_SUM_TOLERANCE: Final = 0.01


def probabilities_of_file(
    flat: FlatTable, config: FlatTableData, arm: IntArray, *, complete: bool
) -> FloatArray:
    """Probability of each arm for each row, shape (n_rows, n_arms); the arms' shares where they are still to be estimated.

    Args:
        flat: accepted rows.
        config: what is known of the assignment.
        arm: assigned arm as a position in the config's arms, shape (n_rows,).
        complete: no row was in an arm that the config does not name.

    Raises:
        InputError: a column of probabilities does not fit the arms.
    """
    if config.estimated:
        share = np.bincount(arm, minlength=len(config.arms)) / len(arm)
        return np.tile(share, (len(arm), 1))
    if isinstance(config.probability, str):
        received = flat.table[config.probability].to_numpy()
        return from_received(
            flat.source, config.probability, received, arm, len(config.arms), complete=complete
        )
    known = np.array(config.shares)
    return np.tile(known / known.sum(), (len(arm), 1))


def from_received(
    source: str,
    column: str,
    received: FloatArray,
    arm: IntArray,
    n_arms: int,
    *,
    complete: bool,
) -> FloatArray:
    """All probabilities of a row from that of the arm it got: exact for two arms, else constant per arm.

    Args:
        source: file or table, for messages.
        column: where `received` comes from, for messages.
        received: probability of the arm each row got, shape (n_rows,), in (0, 1].
        arm: assigned arm, shape (n_rows,).
        n_arms: number of arms.
        complete: no row was in another arm.

    Returns:
        Shape (n_rows, n_arms), rows sum to 1.

    Raises:
        InputError: the probabilities do not fit the arms.
    """
    of_arm = [received[arm == position] for position in range(n_arms)]
    constant = all(np.ptp(values) < 1e-9 for values in of_arm)  # noqa: PLR2004 - rounding
    if constant:
        share = np.array([values[0] for values in of_arm])
        if complete and abs(share.sum() - 1) > _SUM_TOLERANCE:
            raise _bad_probabilities(source, column, f"sums to {share.sum():.3f} over the arms")
        return np.tile(share / share.sum(), (len(arm), 1))
    if n_arms > 2 or not complete:  # noqa: PLR2004 - with two arms the other has the rest
        raise _bad_probabilities(source, column, "varies by row with more than two arms")
    if (received >= 1).any():
        raise _bad_probabilities(source, column, "is 1 for some rows")
    return np.where(np.arange(2)[None, :] == arm[:, None], received[:, None], 1 - received[:, None])


def _bad_probabilities(source: str, column: str, found: str) -> InputError:
    return InputError(
        source,
        f"column '{column}' {found}",
        rule="it holds, for every row, the probability of the arm the row got, and no arm is certain",
        next_step="Correct the column, or give the probabilities in the config.",
    )
