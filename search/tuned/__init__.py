"""Tunes stored vectors to the categories of a dataset: what is learned of labels, and what that gains."""
