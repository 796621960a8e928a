"""What every server does before it works on a home: web server, worker and schedule, whoever starts them."""

from __future__ import annotations

import logging
import sys

from gallery.errors import DatabaseAwayError, SemsearchError
from gallery.system.home import upgrades

logger = logging.getLogger(__name__)

# by which gunicorn knows that to start the process anew is of no use
NO_USE = 4


def up_to_date_or_exit() -> None:
    """Bring the home up to date; where this release cannot work on it, say why in a sentence and end.

    A database that does not answer now may do so later, and then says itself what it is.
    """
    from django.db import connection

    try:
        upgrades.bring_up_to_date(logger.warning)
    except DatabaseAwayError as error:
        logger.warning("%s", error)
    except SemsearchError as error:
        sys.stderr.write(f"{error}\n")
        sys.stderr.flush()
        raise SystemExit(NO_USE) from error
    finally:
        connection.close()
