#!/usr/bin/env python
"""Django's command line for semsearch."""

from __future__ import annotations

from semsearch_site.main import main

if __name__ == "__main__":
    main()
