"""The commands of `python -m infra`, one module each: `run(options)` does it and returns the exit status."""
