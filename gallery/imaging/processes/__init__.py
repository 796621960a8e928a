"""Processes that decode what is large or risky, with a limit of memory and a deadline each."""
