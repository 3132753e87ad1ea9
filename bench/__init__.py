"""How long the functions take to start and to answer, beside a handler that does nothing, on this machine."""
