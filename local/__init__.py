"""The whole system on a laptop: PostgreSQL, Valkey, an embedded AWS and the front door. See `local/README.md`."""
