"""Tests of the application in this process, over AWS's side of the network."""

from __future__ import annotations

from tests.in_process import api, edge, edge_environment, edge_server

__all__ = ["api", "edge", "edge_environment", "edge_server"]
