"""From the colours of a file to sRGB of eight bits."""
