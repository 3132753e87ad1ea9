"""An id for the parameters of tests: workers know tests by their names, so these are the same in every process."""

from __future__ import annotations

ANY_ID = "8d0f6b52-3f0e-4b53-9a6e-2f4b6f0f9d17"
