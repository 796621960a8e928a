"""What every request and answer passes, whatever the address."""
