"""What the schedule asks for: compaction and verification."""
