"""What is true after kills, repeated messages and broken connections. `python -m tests.faults` finds out."""
