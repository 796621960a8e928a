"""What is ours in Celery's worker and beat."""
