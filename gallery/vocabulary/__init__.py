"""The words that networks trained on ImageNet know, and the broader ones above them, as plain values."""
