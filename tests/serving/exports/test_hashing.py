"""Normalisation and hashes: the platforms' own examples, digests computed apart, and everything that is refused."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.exports import hashing
from serving.exports.hashing import UnusableError


@pytest.mark.parametrize(
    ("normalise", "written", "normalised", "digest"),
    [
        pytest.param(hashing.google_e_mail, "cloudy.sanfrancisco+shopping@gmail.com", "cloudysanfrancisco@gmail.com",
                     "223ebda6f6889b1494551ba902d9d381daf2f642bae055888e96343d53e9f9c4", id="google gmail"),
        pytest.param(hashing.google_e_mail, "user.name+NYC@Example.com", "user.name+nyc@example.com",
                     "f109a2a632fbcea5fc82049f50beed3d8621bf9034399f437fb622222acccdac", id="google other domain"),
        pytest.param(lambda text: hashing.e164(text, calling_code="1"), "(800)555-0100", "+18005550100",
                     "fb4f73a6ec5fdb7077d564cdd22c3554b43ce49168550c3b12c547b78c517b30", id="google phone"),
        pytest.param(hashing.e_mail, "cloudy.sanfrancisco+shopping@gmail.com", "cloudy.sanfrancisco+shopping@gmail.com",
                     "8dd4a9bf850242873c14976125edabc35096192b784626a5641a7d2de56e3c1e", id="meta e-mail"),
        pytest.param(lambda text: hashing.phone_digits(text, calling_code=None), "+1 (800) 555-0100", "18005550100",
                     "92cfdc5fbcd4a20fbe5d3857af6c1aba31762105bba7f21a17155e920653046c", id="meta phone"),
        pytest.param(hashing.e_mail, " JaneDoe@Gmail.com ", "janedoe@gmail.com",
                     "d6117306485ed0e50afab3ac871e98f81699151f30281527d63ff5f233656c69", id="printed by another platform"),
    ],
)  # fmt: skip
def test_vectors(normalise, written, normalised, digest):
    assert normalise(written) == normalised
    assert hashing.sha256(normalise(written)) == digest


@pytest.mark.parametrize(
    ("call", "code"),
    [
        (lambda: hashing.sha256("ab" * 32), "already_hashed"),
        (lambda: hashing.e_mail("AB" * 32), "already_hashed"),
        (lambda: hashing.phone_digits("1" * 64, calling_code="1"), "already_hashed"),
        (lambda: hashing.gender("divers"), "gender_not_m_or_f"),
        (lambda: hashing.e_mail("no address"), "invalid_e_mail"),
        (lambda: hashing.e_mail("a@b"), "invalid_e_mail"),
        (lambda: hashing.google_e_mail("+x@gmail.com"), "invalid_e_mail"),
        (lambda: hashing.phone_digits("555-0100", calling_code=None), "phone_without_country"),
        (lambda: hashing.phone_digits("call me", calling_code="1"), "invalid_phone"),
        (lambda: hashing.phone_digits("+1 23", calling_code="1"), "invalid_phone"),
        (lambda: hashing.phone_digits("+0800 555 0100", calling_code="1"), "invalid_phone"),
        (lambda: hashing.country("Germany"), "invalid_country"),
    ],
)
def test_what_is_refused(call, code):
    with pytest.raises(UnusableError) as error:
        call()
    assert error.value.code == code


def test_a_number_is_the_same_however_it_is_dialled():
    written = ("+44 20 7946 0018", "0044 20 7946 0018", "020 7946 0018", "+44 (0)20 7946-0018")
    assert {hashing.phone_digits(text, calling_code="44") for text in written} == {"442079460018"}


def test_names_of_the_platforms_differ():
    assert hashing.google_name("Dr. Anne-Marie O'Neil Jr.") == "anne-marie o'neil"
    assert hashing.meta_name("Dr. Anne-Marie O'Neil Jr.") == "dr annemarie oneil jr"
    assert hashing.gender(" Female ") == "f"
    assert hashing.letters("São Paulo 2") == "sãopaulo"


@given(st.emails())
def test_white_space_and_case_change_no_hash(address):
    try:
        plain = hashing.e_mail(address)
    except UnusableError:
        return  # an address with quotes or brackets: refused, not guessed
    assert hashing.e_mail(f"  {address.upper()}\n") == hashing.e_mail(address.upper())
    assert hashing.e_mail(plain) == plain
    assert hashing.sha256(plain) == hashlib.sha256(plain.encode()).hexdigest()
