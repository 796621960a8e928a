"""The Django project: settings, addresses, the Celery application.

It imports nothing, so that what only watches other processes stays small; `apps.py` brings the Celery
application to whatever sets Django up.
"""
