"""Contacts normalised as each platform wants them, and hashed; what cannot be normalised is refused with a code.

Source: Google, Data Manager API, "Format user data"; Meta, customer-file custom audiences. SHA-256 over UTF-8, lower-case
hexadecimal digits.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from typing import Final

_HASHED: Final = re.compile(r"[0-9a-fA-F]{64}")
_E_MAIL: Final = re.compile(
    r"[^\s@\"<>(),:;\[\]\\]{1,64}@[^\s@\"<>(),:;\[\]\\]{1,255}\.[^\s@.\"<>(),:;\[\]\\]{2,63}"
)
_PHONE: Final = re.compile(r"\+?[0-9 ()./\u00a0-]+")
_GMAIL: Final = ("gmail.com", "googlemail.com")
_TITLES: Final = frozenset("mr mrs ms miss mx dr prof sir jr sr ii iii iv phd md esq".split())  # noqa: SIM905 - reads better
_DIGITS: Final = range(8, 16)
"""Digits of a phone number with its country code; 15 at most by ITU-T E.164."""


class UnusableError(ValueError):
    """A contact that cannot be normalised.

    Attributes:
        code: why, as counted in the drops of an export.
    """

    def __init__(self, code: str) -> None:
        self.code = code
        super().__init__(code)


def sha256(text: str) -> str:
    """SHA-256 of a normalised text, 64 hex digits.

    Raises:
        UnusableError: the text is a hash already; hashing it again would match nobody, silently.
    """
    refuse_hash(text)
    return hashlib.sha256(text.encode()).hexdigest()


def refuse_hash(text: str) -> None:
    """Stop at a text that is a SHA-256 already.

    Raises:
        UnusableError: it is.
    """
    if _HASHED.fullmatch(text.strip()):
        raise UnusableError("already_hashed")


def e_mail(written: str) -> str:
    """An address in lower case, without white space around or inside: what Meta hashes.

    Raises:
        UnusableError: it is no address, or is hashed already.

    Example:
        >>> e_mail(" User.Name+NYC@Example.com ")
        'user.name+nyc@example.com'
    """
    refuse_hash(written)
    address = re.sub(r"\s+", "", unicodedata.normalize("NFC", written)).lower()
    if _E_MAIL.fullmatch(address) is None:
        raise UnusableError("invalid_e_mail")
    return address


def google_e_mail(written: str) -> str:
    """An address as Google hashes it: of Gmail addresses the dots and the part from `+` on go.

    Example:
        >>> google_e_mail("cloudy.sanfrancisco+shopping@gmail.com")
        'cloudysanfrancisco@gmail.com'
    """
    address = e_mail(written)
    name, _, domain = address.rpartition("@")
    if domain not in _GMAIL:
        return address
    bare = name.partition("+")[0].replace(".", "")
    if not bare:
        raise UnusableError("invalid_e_mail")
    return f"{bare}@{domain}"


def phone_digits(written: str, *, calling_code: str | None) -> str:
    """A phone number as digits with its country code: what Meta hashes.

    Args:
        written: with `+` or `00` and a country code, or as dialled inside the country.
        calling_code: country code of numbers without one; None = such numbers are refused. Their leading zero, which is
            dialled only inside a country, goes.

    Raises:
        UnusableError: it is no such number, or is hashed already.

    Example:
        >>> phone_digits("(800)555-0100", calling_code="1"), phone_digits("+44 (0)20 7946 0018", calling_code=None)
        ('18005550100', '442079460018')
    """
    refuse_hash(written)
    text = written.strip()
    if _PHONE.fullmatch(text) is None:
        raise UnusableError("invalid_phone")
    digits = re.sub(r"[^0-9]", "", text.replace("(0)", ""))
    if text.startswith("+"):
        number = digits
    elif digits.startswith("00"):
        number = digits[2:]
    elif calling_code is None:
        raise UnusableError("phone_without_country")
    else:
        number = f"{calling_code}{digits.removeprefix('0')}"
    if len(number) not in _DIGITS or number.startswith("0"):
        raise UnusableError("invalid_phone")
    return number


def e164(written: str, *, calling_code: str | None) -> str:
    """A phone number as `+` and digits: what Google hashes.

    Example:
        >>> e164("(800)555-0100", calling_code="1")
        '+18005550100'
    """
    return f"+{phone_digits(written, calling_code=calling_code)}"


def google_name(written: str) -> str:
    """A name in lower case without titles such as Mrs. or Jr.

    Example:
        >>> google_name(" Mrs. Anne-Marie ")
        'anne-marie'
    """
    words = _folded(written).split()
    return " ".join(word for word in words if word.strip(".,") not in _TITLES)


def meta_name(written: str) -> str:
    """A name in lower case without punctuation.

    Example:
        >>> meta_name("O'Neil Jr.")
        'oneil jr'
    """
    return " ".join(re.sub(r"[^\w\s]|_", "", _folded(written)).split())


def letters(written: str) -> str:
    """A place in lower-case letters without blanks.

    Example:
        >>> letters("San Francisco")
        'sanfrancisco'
    """
    return re.sub(r"[\W\d_]", "", _folded(written))


def meta_zip(written: str) -> str:
    """A postal code in lower case without blanks and dashes.

    Example:
        >>> meta_zip("SW1A 1AA")
        'sw1a1aa'
    """
    return re.sub(r"[\s-]", "", _folded(written))


def gender(written: str) -> str:
    """`m` or `f`.

    Raises:
        UnusableError: another text; it is not taken for one of the two.

    Example:
        >>> gender("Female")
        'f'
    """
    known = {"m": "m", "male": "m", "f": "f", "female": "f"}
    found = known.get(_folded(written).strip())
    if found is None:
        raise UnusableError("gender_not_m_or_f")
    return found


def country(written: str) -> str:
    """A country as two capital letters, as ISO 3166-1 has them.

    Raises:
        UnusableError: it is no such code.
    """
    code = written.strip().upper()
    if re.fullmatch(r"[A-Z]{2}", code) is None:
        raise UnusableError("invalid_country")
    return code


def postal_code(written: str) -> str:
    """A postal code as it is, for a platform that wants it so.

    Raises:
        UnusableError: it holds anything but letters, digits, blanks and dashes.

    Example:
        >>> postal_code(" 94103-1234 ")
        '94103-1234'
    """
    code = " ".join(written.split())
    if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9 -]{1,10}", code) is None:
        raise UnusableError("invalid_zip")
    return code


def _folded(written: str) -> str:
    return unicodedata.normalize("NFC", written).strip().lower()
