"""What every feature stands on: the home, outages, work side by side, measures, the base of commands."""
