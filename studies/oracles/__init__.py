"""What pages and tests are held to: instances, naive twins, and values known exactly.

Nothing here is fast. A twin follows the letters of a paper; an exact value tries every case.
"""
