"""Reads typed settings from the environment and from an optional `.env` file beside `manage.py`."""

from __future__ import annotations

import secrets
from pathlib import Path

from environs import Env

BASE_DIR = Path(__file__).resolve().parent.parent


def reader() -> Env:
    """Return the typed reader; real environment variables win over the `.env` file."""
    env = Env()
    env.read_env(str(BASE_DIR / ".env"), recurse=False)
    return env


def home(env: Env) -> Path:
    """Return the folder that holds all state (`SEMSEARCH_HOME`, default `./var`), absolute."""
    value: Path = env.path("SEMSEARCH_HOME", BASE_DIR / "var")
    return (BASE_DIR / value).resolve()


def secret_key(env: Env, state: Path) -> str:
    """Return `SECRET_KEY`, or one made at first use and kept in the state folder for its owner only."""
    given: str = env.str("SECRET_KEY", "")
    if given:
        return given
    kept = state / "secret_key"
    if not kept.exists():
        state.mkdir(parents=True, exist_ok=True)
        aside = kept.with_suffix(f".{secrets.token_hex(4)}")
        aside.touch(mode=0o600)
        aside.write_text(secrets.token_urlsafe(50))
        try:
            # link, unlike rename, never replaces the key another process made in the same moment
            kept.hardlink_to(aside)
        except FileExistsError:
            pass
        finally:
            aside.unlink()
    return kept.read_text().strip()


def socket_path(state: Path) -> Path:
    """Return where the embedded broker listens: below the state, or a temporary folder."""
    import hashlib
    import tempfile

    path = state / "broker" / "valkey.sock"
    if len(str(path)) < 100:
        return path
    digest = hashlib.sha256(str(path).encode()).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"semsearch-{digest}" / "valkey.sock"
