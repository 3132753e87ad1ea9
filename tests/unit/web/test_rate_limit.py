from __future__ import annotations

import pytest

from chalicelib.web.rate_limit import subject_of


@pytest.mark.parametrize(
    ("address", "subject"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:DB8:1:2::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", "unknown"),
        ("192.0.2.1, 203.0.113.9", "unknown"),
        ("192.0.2.256", "unknown"),
        ("localhost", "unknown"),
        ("192.0.2.1\n", "unknown"),
    ],
)
def test_an_anonymous_caller_is_an_address_or_a_64_bit_network(address: str, subject: str) -> None:
    assert subject_of(address) == subject


def test_all_addresses_of_one_ipv6_network_share_one_limit() -> None:
    assert len({subject_of(f"2001:db8:1:2:{n:x}::{n:x}") for n in range(200)}) == 1
