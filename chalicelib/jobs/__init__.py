"""Work that takes longer than a function may: a process of the same code, `python -m chalicelib.jobs NAME`."""
