"""Image files of as many kinds as can be made, to be compared with what a browser shows of them."""
