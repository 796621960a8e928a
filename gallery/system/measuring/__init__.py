"""What a process measures of its work, and how those of all processes are told."""
