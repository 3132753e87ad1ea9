"""Marketplace: the business behind `app.py`, one folder a domain."""
