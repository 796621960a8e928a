"""The front of the web server: reads whole requests before threads answer them, and bounds what waits."""
