"""What the functions' policies grant, held against what the functions ask for."""
