"""Tests: `unit/` without I/O, `integration/` against real services, `contract/` for promises about the code itself."""
