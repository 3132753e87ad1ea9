"""Text that requests of this test run carry, and that no log may contain."""

from __future__ import annotations

from uuid import uuid4

CANARY = f"canary{uuid4().hex[:10]}"
"""Part of every e-mail address, name, description, device's token and bad body that the tests send."""
