"""Opening hostile files: every refusal is an InputError that names the file and the next step."""

import gzip
import io
import os
import zipfile

import pytest

from features.errors import InputError
from features.files.opening import FileLimits, open_bytes, read_lines

LIMITS = FileLimits(max_bytes=1000, max_line_bytes=64)


def read(path, limits=LIMITS):
    with open_bytes(path, limits=limits) as stream:
        return stream.read()


def lines(data, tmp_path, limits=LIMITS):
    return list(read_lines(io.BytesIO(data), path=tmp_path / "f.txt", limits=limits))


def zipped(*members):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "data",
    [b"a\tb\n", gzip.compress(b"a\tb\n"), zipped(("f.txt", b"a\tb\n"))],
    ids=["plain", "gzip", "zip"],
)
def test_plain_and_compressed_files_read_alike(tmp_path, data):
    path = tmp_path / "f"
    path.write_bytes(data)
    assert read(path) == b"a\tb\n"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        pytest.param(gzip.compress(b"0" * 1_000_000), "holds more than 1000 bytes", id="gzip bomb"),
        pytest.param(zipped(("f", b"0" * 1_000_000)), "holds more than 1000 bytes", id="zip bomb"),
        pytest.param(b"0" * 1001, "holds more than 1000 bytes", id="large"),
        pytest.param(gzip.compress(os.urandom(500))[:200], "breaks off", id="cut gzip"),
        pytest.param(gzip.compress(b"abc")[:-8] + b"00000000", "breaks off", id="bad checksum"),
        pytest.param(zipped(("a", b"1"), ("b", b"2")), "holds 2 files", id="two members"),
        pytest.param(zipped(), "holds 0 files", id="no member"),
        pytest.param(zipped(("a", b"1" * 99))[:40], "cannot be opened", id="cut zip"),
        pytest.param(b"BZh91AY&SY", "is a bzip2 file", id="bzip2"),
        pytest.param(b"PAR1....", "is a Parquet file", id="parquet"),
    ],
)
def test_a_file_that_cannot_be_trusted_is_refused_whole(tmp_path, data, message):
    path = tmp_path / "feed.dat"
    path.write_bytes(data)
    with pytest.raises(InputError, match=message) as caught:
        read(path)
    assert str(path) in str(caught.value)


def test_an_encrypted_zip_is_refused(tmp_path):
    data = bytearray(zipped(("a", b"1")))
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    (tmp_path / "f.zip").write_bytes(data)
    with pytest.raises(InputError, match="is encrypted"):
        read(tmp_path / "f.zip")


@pytest.mark.parametrize("make", ["missing", "folder", "pipe"])
def test_only_regular_files_are_opened(tmp_path, make):
    path = tmp_path / "x"
    if make == "folder":
        path.mkdir()
    if make == "pipe":
        os.mkfifo(path)
    with pytest.raises(InputError, match="is not a file"):
        read(path)


def test_a_byte_order_mark_is_no_part_of_the_first_value(tmp_path):
    assert [line.text for line in lines(b"\xef\xbb\xbfid\n1\n", tmp_path)] == ["id\n", "1\n"]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "utf-32"])
def test_other_encodings_are_refused_or_rejected_line_by_line(tmp_path, encoding):
    data = "id\n1\n".encode(encoding)
    if encoding == "utf-16-be":  # no mark: nothing says what it is but its NUL bytes
        assert {line.problem for line in lines(data, tmp_path)} == {"nul_byte"}
        return
    with pytest.raises(InputError, match=r"is UTF-\d\d text; .* Save it as UTF-8"):
        lines(data, tmp_path)


def test_a_bad_line_does_not_harm_its_neighbours(tmp_path):
    data = b"ok\n" + b"x" * 10_000 + b"\nnul\x00\n\xff\xfe\nlast"
    assert [(line.number, line.problem) for line in lines(data, tmp_path)] == [
        (1, None), (2, "line_too_long"), (3, "nul_byte"), (4, "invalid_utf8"), (5, None),
    ]  # fmt: skip


def test_a_line_at_the_limit_is_good_and_one_byte_more_is_not(tmp_path):
    exact = b"x" * 63 + b"\n"
    assert [line.problem for line in lines(exact + b"x" + exact, tmp_path)] == [
        None,
        "line_too_long",
    ]
