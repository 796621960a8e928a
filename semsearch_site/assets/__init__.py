"""Style sheets and scripts under names made of their content, several in one file."""
