"""What the machine offers: cores, locks, timing of stages, the base of commands."""
