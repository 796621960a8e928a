"""Feature specs, loaded extractors, and features of whole datasets kept as matrices."""
