"""Generators of the book's drawn pages."""
