"""The files themselves: which format one has, what its header says, what is not read."""
