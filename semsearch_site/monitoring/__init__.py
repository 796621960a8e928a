"""How the site is: for probes, and for Prometheus."""
