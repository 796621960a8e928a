"""Runs the whole site: broker, worker and web server, in the foreground."""

from __future__ import annotations

import os
import sys
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from gallery.errors import SemsearchError
from semsearch_site.supervisor import Supervisor, broker_command


class Command(BaseCommand):
    """`serve [--host H] [--port P]`."""

    help = "Start broker (unless REDIS_URL names one), worker and web server; Ctrl-C stops them all."

    def add_arguments(self, parser: CommandParser) -> None:
        """Name the address."""
        parser.add_argument("--host", default=os.environ.get("HOST", "127.0.0.1"))
        parser.add_argument("--port", type=int, default=int(os.environ.get("PORT", "8000")))

    def handle(self, *args: Any, **options: Any) -> None:
        """Start everything and wait."""
        supervisor = Supervisor(self.stderr.write)
        python = [sys.executable, "-m"]
        try:
            if not settings.REDIS_URL:
                supervisor.start("broker", broker_command(settings.BROKER_SOCKET, settings.BROKER_ROOT))
                supervisor.wait_for_socket(settings.BROKER_SOCKET, "broker")
            supervisor.start(
                "worker",
                [*python, "celery", "-A", "semsearch_site", "worker", "--beat", "--loglevel", "WARNING"],
            )
            os.environ["HOST"], os.environ["PORT"] = options["host"], str(options["port"])
            supervisor.start(
                "web server",
                [
                    *python,
                    "gunicorn",
                    "-c",
                    "python:semsearch_site.gunicorn",
                    "semsearch_site.wsgi",
                    "--log-level",
                    "warning",
                ],
            )
        except SemsearchError as error:
            supervisor.stop()
            raise CommandError(error.detail) from error
        self.stdout.write(f"semsearch is at http://{options['host']}:{options['port']} - Ctrl-C stops it.")
        sys.exit(supervisor.run())
