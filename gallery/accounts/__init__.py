"""Accounts and tokens: signing in, the first one, waits after wrong guesses; pages and REST endpoints."""
