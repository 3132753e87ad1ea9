"""The API of this process as a fixture, for the folders whose tests use it."""

from __future__ import annotations

import pytest

from tests.gateway import HttpApi
from tests.identity_provider import IdentityProvider


@pytest.fixture
def api(environment: dict[str, str], provider: IdentityProvider) -> HttpApi:
    """The API, behind a gateway of this process."""
    return HttpApi(provider)
