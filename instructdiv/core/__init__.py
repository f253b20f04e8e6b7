"""Arithmetic that knows no records: vectors, neighbors, greedy choice, whole numbers."""
