"""Rows to pictures: the only part of the library that imports Matplotlib.

One module for each family of figures; `style` holds what they share.
"""
