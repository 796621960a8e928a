"""Reads typed settings from the environment and from an optional `.env` file beside `manage.py`."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import NotRequired, TypedDict
from urllib.parse import quote, urlsplit

import dj_database_url
from dj_database_url import DBConfig
from django.core.exceptions import ImproperlyConfigured
from environs import Env

from gallery.system.home.shipped_files import IS_CHECKOUT
from semsearch_site.logs import FORMATS

# Whoever guesses the key signs sessions of any account. `openssl rand -hex 16` makes 32 characters of 16.
KEY_CHARACTERS, KEY_DIFFERENT = 32, 8
EXAMPLES = ("change-me", "changeme", "change me", "secret-key", "secretkey", "long random text", "example")
WEAK_KEY = (
    "SECRET_KEY can be guessed: it is short, has few different characters, or is the placeholder of an "
    "example. Make one with `openssl rand -base64 48`, or unset it: one is made and kept in SEMSEARCH_HOME."
)
# what paths in settings are relative to: the checkout, or where an installed program is started
BASE_DIR = Path(__file__).resolve().parent.parent if IS_CHECKOUT else Path.cwd()


class Storage(TypedDict):
    """Django's description of a storage."""

    BACKEND: str
    OPTIONS: NotRequired[dict[str, object]]


class ScheduledTask(TypedDict):
    """Beat's description of a task: its name, how often it is due, and options of its message."""

    task: str
    schedule: float
    options: dict[str, float]


def reader() -> Env:
    """Return the typed reader; real environment variables win over the `.env` file."""
    env = Env()
    env.read_env(str(BASE_DIR / ".env"), recurse=False)
    return env


def home(env: Env) -> Path:
    """Return the folder that holds all state (`SEMSEARCH_HOME`), absolute.

    The default is `var` in a checkout, and of an installed program a folder of the account.

    Raises: ImproperlyConfigured where a file stands in its way.
    """
    value: Path = env.path("SEMSEARCH_HOME", BASE_DIR / "var" if IS_CHECKOUT else _home_of_account())
    found = (BASE_DIR / value).resolve()
    there = next(path for path in (found, *found.parents) if path.exists())
    if not there.is_dir():
        raise ImproperlyConfigured(f"SEMSEARCH_HOME is {found}, but {there} is a file: name a folder.")
    return found


def _home_of_account() -> Path:
    data = os.environ.get("XDG_DATA_HOME")
    return (Path(data) if data else Path.home() / ".local" / "share") / "semsearch"


def log_format(env: Env) -> str:
    """Return how records are written (`LOG_FORMAT`). Raises: ImproperlyConfigured for an unknown way."""
    value: str = env.str("LOG_FORMAT", "line")
    if value not in FORMATS:
        raise ImproperlyConfigured(f"LOG_FORMAT is {value!r}: set it to one of {', '.join(FORMATS)}.")
    return value


def home_mode(env: Env) -> int:
    """Return who may open the state folder (`HOME_MODE`, default 0700), and hold all that is made to it.

    From here on no process of ours makes a file that is open to more: with 0700 files are 0600, with 0750
    they are 0640. Raises: ImproperlyConfigured.
    """
    text: str = env.str("HOME_MODE", "0700")
    try:
        mode = int(text, 8)
    except ValueError:
        mode = 0
    if mode & 0o700 != 0o700 or mode > 0o777:
        raise ImproperlyConfigured(f"HOME_MODE is {text!r}: write 0700, or 0750 to let a group read.")
    os.umask(0o777 & ~mode)
    return mode


def secret_key(env: Env, state: Path, *, debug: bool) -> str:
    """Return `SECRET_KEY`, or one made at first use and kept in the state folder for its owner only.

    Raises: ImproperlyConfigured for one that others can guess, unless `debug` is on, and where none can be
    kept.
    """
    given: str = env.str("SECRET_KEY", "")
    if given:
        if not debug and is_weak(given):
            raise ImproperlyConfigured(WEAK_KEY)
        return given
    kept = state / "secret_key"
    try:
        if not kept.exists():
            _make_key(kept)
        return kept.read_text().strip()
    except OSError as error:
        raise ImproperlyConfigured(
            f"SEMSEARCH_HOME is {state}, where {error.filename or kept} cannot be used "
            f"({error.strerror or error}): let this account write there, or name another folder."
        ) from error


def _make_key(kept: Path) -> None:
    kept.parent.mkdir(parents=True, exist_ok=True)
    aside = kept.with_suffix(f".{secrets.token_hex(4)}")
    aside.touch(mode=0o600)
    aside.write_text(secrets.token_urlsafe(50))
    if os.geteuid() == 0:
        # root may only have looked at the home of another account
        owner = kept.parent.stat()
        os.chown(aside, owner.st_uid, owner.st_gid)
    try:
        # link, unlike rename, never replaces the key another process made in the same moment
        kept.hardlink_to(aside)
    except FileExistsError:
        pass
    finally:
        aside.unlink()


def is_weak(key: str) -> bool:
    """Whether a secret key can be guessed: too short, of too few different characters, or an example's."""
    example = key.startswith("django-insecure-") or any(word in key.lower() for word in EXAMPLES)
    return example or len(key) < KEY_CHARACTERS or len(set(key)) < KEY_DIFFERENT


def socket_path(state: Path) -> Path:
    """Return where the embedded broker listens: below the state, or a temporary folder."""
    import hashlib
    import tempfile

    path = state / "broker" / "valkey.sock"
    if len(str(path)) < 100:
        return path
    digest = hashlib.sha256(str(path).encode()).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"semsearch-{digest}" / "valkey.sock"


def socket_address(path: Path) -> str:
    """Return the address of a broker at a Unix socket, as Celery takes it."""
    return f"redis+socket://{quote(str(path))}"


def database(env: Env, state: Path) -> DBConfig:
    """Return Django's description of the database: `DATABASE_URL`, else SQLite in the state folder.

    Raises: ImproperlyConfigured for an address that names no database.
    """
    wait_s, lock_s = env.float("DATABASE_WAIT_S", 3.0), env.float("DATABASE_LOCK_S", 30.0)
    # in a path `#`, `?` and `%` are characters as others are
    url: str = env.str("DATABASE_URL", "").strip() or f"sqlite:///{quote(str(state / 'semsearch.sqlite3'))}"
    try:
        # an address of a database has no fragment: a `#` in it belongs to a path or to a password
        found = dj_database_url.parse(url.replace("#", "%23"), conn_max_age=60, conn_health_checks=True)
    except ValueError as error:
        raise ImproperlyConfigured(
            "DATABASE_URL cannot be read: write postgres://user:password@host:5432/name or sqlite:////path, "
            "with % before the two digits of any special character in it."
        ) from error
    if found["ENGINE"].endswith("sqlite3"):
        # on disk, as in earnest: a database in memory cannot be shared by threads
        found["TEST"] = {"NAME": state / "test.sqlite3"}
        found["CONN_HEALTH_CHECKS"] = False  # no server that could have gone
        found["OPTIONS"] = {
            # IMMEDIATE: a transaction that will write waits its turn instead of failing half-way
            "transaction_mode": "IMMEDIATE",
            "timeout": lock_s,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
        }
    elif found["ENGINE"].endswith("postgresql"):
        statement_s: float = env.float("DATABASE_STATEMENT_S", 0.0)
        options = _postgres_timeouts(wait_s, lock_s, statement_s)
        # what DATABASE_URL says itself counts
        found["OPTIONS"] = options | found.get("OPTIONS", {})
        if most := env.int("DATABASE_POOL", 20):
            # a connection of the pool belongs to a thread for one request or task, not for a minute
            found["CONN_MAX_AGE"] = 0
            found["OPTIONS"]["pool"] = _pool(most, wait_s, statement_s)
    return found


def _postgres_timeouts(wait_s: float, lock_s: float, statement_s: float) -> dict[str, object]:
    """Return the parameters by which nobody waits long for a server that is away; 0 leaves one out."""
    limits = {"lock_timeout": lock_s, "statement_timeout": statement_s}
    given = " ".join(f"-c {name}={seconds * 1000:.0f}" for name, seconds in limits.items() if seconds > 0)
    return {
        "connect_timeout": max(2, round(wait_s)),  # libpq takes no less
        # a machine that is gone says nothing: the system asks whether it is there
        "keepalives_idle": 5,
        "keepalives_interval": 2,
        "keepalives_count": 3,
        "tcp_user_timeout": 10_000,
        **({"options": given} if given else {}),
    }


def _pool(most: int, wait_s: float, statement_s: float) -> dict[str, object]:
    """Return what psycopg's pool of connections is made with."""
    pool: dict[str, object] = {"min_size": 1, "max_size": most, "timeout": wait_s}
    # one that could not be made is given up soon: whoever asks next tries anew, after no long pause
    pool["reconnect_timeout"] = wait_s
    if statement_s > 0:
        from semsearch_site.bounded_connection import bounded_connection

        # the server's own limit comes first, where it lives
        pool["connection_class"] = bounded_connection(statement_s + 0.5)
    return pool


def image_storage(env: Env, bucket: str) -> Storage:
    """Return Django's description of where pictures are kept: a bucket when one is named, else MEDIA_ROOT."""
    if not bucket:
        return {"BACKEND": "semsearch_site.storages.local_storage.LocalStorage"}
    endpoint: str = env.str("STORAGE_ENDPOINT", "")
    given = {
        "endpoint_url": endpoint,
        "region_name": env.str("STORAGE_REGION", ""),
        "access_key": env.str("STORAGE_ACCESS_KEY", ""),
        "secret_key": env.str("STORAGE_SECRET_KEY", ""),
    }
    options: dict[str, object] = {
        "bucket_name": bucket,
        "file_overwrite": False,
        "default_acl": None,
        "querystring_expire": env.int("STORAGE_SIGNED_S", 3600),
        "signature_version": "s3v4",
        # servers other than Amazon's know a bucket by its path, not by a host name
        "addressing_style": "path" if endpoint else "auto",
    }
    # what is not given is left to boto3: roles, profiles, its own variables
    options |= {name: value for name, value in given.items() if value}
    return {"BACKEND": "semsearch_site.storages.storage.ObjectStorage", "OPTIONS": options}


def storage_origin(env: Env) -> str:
    """Return the origin that signed addresses of pictures lead to: Amazon's where no endpoint is named."""
    parts = urlsplit(env.str("STORAGE_ENDPOINT", ""))
    return f"{parts.scheme}://{parts.netloc}" if parts.netloc else "https://*.amazonaws.com"


def schedule(every_s: dict[str, float]) -> dict[str, ScheduledTask]:
    """Return beat's schedule of tasks, each so often; 0 leaves one out.

    A message that nobody took before the next is due is out of date.
    """
    return {
        task: {"task": task, "schedule": seconds, "options": {"expires": seconds}}
        for task, seconds in every_s.items()
        if seconds > 0
    }
