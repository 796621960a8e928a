"""The client for programs that use asyncio; `_sync` is made of it by `make_sync.py`."""
