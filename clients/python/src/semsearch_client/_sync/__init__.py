# Made of `_async` by make_sync.py: change it there.
"""The client for programs that wait; it is made of `_async` by `make_sync.py`."""
