"""A pytest plugin loaded before Django: a state folder for the whole run, removed at its end."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile

_home = tempfile.mkdtemp(prefix="semsearch-tests-")
os.environ["SEMSEARCH_HOME"] = _home
os.environ["SEARCH_THROTTLE"] = "100000/min"
for _name in ("DATABASE_URL", "REDIS_URL", "DEBUG", "ALLOWED_HOSTS", "OPEN_READING"):
    os.environ.pop(_name, None)
atexit.register(shutil.rmtree, _home, ignore_errors=True)
