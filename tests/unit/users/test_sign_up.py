from __future__ import annotations

import unicodedata
from typing import Any

import pytest
from disposable_email_domains import blocklist
from hypothesis import given
from hypothesis import strategies as st

import app
from chalicelib.users.sign_up import EmailNotAccepted, check_email
from tests.events import sign_up_event

BOLD = str.maketrans("abcdefghijklmnopqrstuvwxyz", "".join(chr(0x1D41A + n) for n in range(26)))
CIRCLED = str.maketrans("abcdefghijklmnopqrstuvwxyz", "".join(chr(0x24D0 + n) for n in range(26)))
FULL_WIDTH = {code: code + 0xFEE0 for code in range(0x21, 0x7F)}

WAYS_TO_WRITE_A_DOMAIN = {
    "as it is": "mailinator.com",
    "capitals": "MAILINATOR.COM",
    "mixed": "MaIlInAtOr.CoM",
    "last letter": "mailinator.coM",
    "trailing dot": "mailinator.com.",
    "two trailing dots": "mailinator.com..",
    "subdomain": "sub.mailinator.com",
    "sub-subdomain": "a.b.mailinator.com",
    "deep subdomain": "a.b.c.d.e.f.mailinator.com",
    "subdomain in capitals": "SUB.MAILINATOR.COM",
    "subdomain and trailing dot": "sub.mailinator.com.",
    "numeric subdomain": "123.mailinator.com",
    "hyphenated subdomain": "a-b.mailinator.com",
    "unicode subdomain": "bücher.mailinator.com",
    "punycode subdomain": "xn--bcher-kva.mailinator.com",
    "fullwidth": "mailinator.com".translate(FULL_WIDTH),
    "fullwidth capitals": "MAILINATOR.COM".translate(FULL_WIDTH),
    "fullwidth letter": "\uff4dailinator.com",
    "fullwidth dot": "mailinator\uff0ecom",
    "ideographic dot": "mailinator\u3002com",
    "halfwidth dot": "mailinator\uff61com",
    "trailing fullwidth dot": "mailinator.com\uff0e",
    "trailing ideographic dot": "mailinator.com\u3002",
    "trailing halfwidth dot": "mailinator.com\uff61",
    "two trailing ideographic dots": "mailinator.com\u3002\u3002",
    "one dot leader": "mailinator\u2024com",
    "subdomain by ideographic dot": "sub\u3002mailinator.com",
    "bold": "mailinator.com".translate(BOLD),
    "circled": "mailinator.com".translate(CIRCLED),
    "circled letter": "\u24dcailinator.com",
    "script letter": "mai\u2113inator.com",
    "ligature-free superscript": "mai\u02e1inator.com",
    "long s is s": "mailinator.com".replace("m", "\u217f", 1),
    "soft hyphen": "mail\u00adinator.com",
    "zero width space": "mail\u200binator.com",
    "zero width no-break space": "mail\ufeffinator.com",
    "word joiner": "mail\u2060inator.com",
    "variation selector": "mailinator\ufe0f.com",
    "combining grapheme joiner": "mail\u034finator.com",
    "another service": "yopmail.com",
    "another service in capitals": "YOPMAIL.COM",
    "another subdomain": "x.guerrillamail.com",
    "another fullwidth": "guerrillamail.com".translate(FULL_WIDTH),
    "another circled": "10minutemail.com".translate(CIRCLED),
    "another trailing dot": "trashmail.com.",
    "a short one": "sharklasers.com",
    "a hyphenated one": "temp-mail.org",
    "a hyphenated one in capitals": "TEMP-MAIL.ORG",
    "dispostable": "dispostable.com",
    "maildrop": "maildrop.cc",
    "throwaway": "throwawaymail.com",
    "getnada": "getnada.com",
}

WAYS_TO_WRITE_AN_ADDRESS = [
    "x+tag@mailinator.com",
    "X@Mailinator.Com",
    "x@y@mailinator.com",
    '"x@example.com"@mailinator.com',
    "x@example.com@mailinator.com",
    "x\uff20mailinator.com",
    "x@example.com\uff20mailinator.com",
    "x@ mailinator.com",
    "x@mailinator.com ",
    " x@mailinator.com",
    "x @mailinator.com",
    "x@mailinator.com\n",
    "x@mailinator.com\r\nBcc: y@example.com",
    "x@mailinator.com\x00",
    "x@mailinator.com\x00.example.com",
    "x@mailinator.com\t",
    "<x@mailinator.com>",
    "X <x@mailinator.com>",
    "x@example.com,y@mailinator.com",
    "x@mailinator.com,y@example.com",
    "x@example.com;y@mailinator.com",
    "x@[mailinator.com]",
    "x@(comment)mailinator.com",
    "x@mailinator.com(comment)",
    "x@mailinator(c).com",
    "x@.mailinator.com",
    "x@mailinator..com",
    "x@mailinator.com/",
    "x@mailinator.com#example.com",
    "x@mailinator.com?example.com",
    "x@mailinator.com:25",
    "x@mailinator.com\\.example.com",
    "x@mailinator%2ecom",
    "x@xn--mailinator.com",
    "x@-mailinator.com",
    "x@sub_domain.mailinator.com",
    "x@\u202emailinator.com",
    "x@mailinator.com\u2028",
]  # fmt: skip


@pytest.mark.parametrize("domain", WAYS_TO_WRITE_A_DOMAIN.values(), ids=WAYS_TO_WRITE_A_DOMAIN.keys())
def test_a_disposable_domain_is_refused_however_it_is_written(domain: str) -> None:
    _refused(f"x@{domain}")


@pytest.mark.parametrize("address", WAYS_TO_WRITE_AN_ADDRESS, ids=ascii)
def test_a_disposable_address_is_refused_however_it_is_written(address: str) -> None:
    _refused(address)


def test_there_are_many_ways_to_write_one() -> None:
    assert len(WAYS_TO_WRITE_A_DOMAIN) + len(WAYS_TO_WRITE_AN_ADDRESS) >= 60


@given(
    st.sampled_from(sorted(blocklist)),
    st.sampled_from(["", "a.", "b.c."]),
    st.sampled_from(["", ".", "\u3002"]),
    st.data(),
)
def test_every_listed_domain_is_refused_in_any_case_as_a_subdomain_and_as_absolute_name(
    listed: str, below: str, end: str, data: st.DataObject
) -> None:
    written = "".join(data.draw(st.sampled_from([letter, letter.upper()])) for letter in below + listed)

    _refused(f"x@{written}{end}")


@pytest.mark.parametrize(
    "address",
    [
        "person@example.com",
        "PERSON@EXAMPLE.COM",
        "person+tag@example.com",
        "first.last@sub.example.co.uk",
        "o'brien@example.ie",
        "person@example.com.",
        "person@xn--mnchen-3ya.de",
        "person@münchen.de",
        "пётр@почта.рф",
        "person@例え.jp",
        "person@mailinator.com.example.org",
        "mailinator.com@example.org",
        "person@notreallymailinator-shop.example",
        "a@b.co",
        '"quoted"@example.com',
        "x" * 64 + "@example.com",
        "person@" + "a" * 63 + ".example",
        "person@1and1.example",
    ],
)
def test_an_honest_address_is_accepted(address: str) -> None:
    check_email(address)


@pytest.mark.parametrize(
    "address",
    [
        None, "", "@", "person", "person@", "@example.com", "person@localhost", "person@.", "person@..com", 1, [], {},
        b"person@example.com", "x" * 310 + "@example.com", "person@" + "a" * 64 + ".example", "\ud800@example.com",
        "person@\ud800.com", "per son@example.com", "person@exa mple.com", "person@example.com\n", "\x00@example.com",
        "person@" + ".".join(["a" * 60] * 5), "person@ex\u202eample.com", "person@exa!mple.com", "person@*.com",
    ],
)  # fmt: skip
def test_what_is_no_address_is_refused(address: Any) -> None:
    _refused(address)


@given(st.text(max_size=40) | st.text("a.@\u3002\uff0e\u00ad-x", max_size=20))
def test_any_text_is_accepted_or_refused_and_nothing_else(text: str) -> None:
    try:
        check_email(text)
    except EmailNotAccepted:
        return
    assert "@" in unicodedata.normalize("NFKC", text)


def test_cognito_is_told_to_go_on_with_an_honest_registration() -> None:
    event = sign_up_event("person@example.com")

    assert app.pre_sign_up(event, None) == event


@pytest.mark.parametrize("email", [None, "x@MAILINATOR.com", "x@sub.mailinator.com", "x@mailinator.com.", "nonsense"])
@pytest.mark.parametrize("trigger", ["PreSignUp_SignUp", "PreSignUp_AdminCreateUser", "PreSignUp_ExternalProvider"])
def test_cognito_is_told_to_refuse_any_other(email: str | None, trigger: str) -> None:
    with pytest.raises(EmailNotAccepted):
        app.pre_sign_up(sign_up_event(email, trigger=trigger), None)


def test_a_refusal_does_not_repeat_the_address() -> None:
    with pytest.raises(EmailNotAccepted) as refusal:
        check_email("private.person@mailinator.com")

    assert "private" not in str(refusal.value)


def _refused(address: Any) -> None:
    with pytest.raises(EmailNotAccepted):
        check_email(address)
