"""The product taxonomy."""

from pathlib import Path

import pytest

from features.catalog.taxonomy import read_taxonomy
from features.errors import InputError

REAL = Path(__file__).parents[3] / "../shared/data/product_feeds/taxonomy-with-ids.en-US.txt"


@pytest.mark.parametrize(
    ("content", "message"),
    [("", "holds no category"), ("# only a comment\n", "holds no category"), ("1 - A\nB\n", "line 2 is no category")],
)  # fmt: skip
def test_a_file_that_is_no_taxonomy_is_refused(tmp_path, content, message):
    path = tmp_path / "taxonomy.txt"
    path.write_text(content)
    with pytest.raises(InputError, match=message):
        read_taxonomy(path)


def test_googles_file():
    if not REAL.is_file():
        pytest.skip("the taxonomy is not here")
    taxonomy = read_taxonomy(REAL)
    assert len(taxonomy) == 5595
    assert taxonomy.path("2") == "Animals & Pet Supplies > Pet Supplies"
    assert taxonomy.path("animals & pet supplies>pet supplies") == taxonomy.path("2")
    assert taxonomy.path("Animals > Pet Supplies") is None
