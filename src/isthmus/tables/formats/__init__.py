"""File formats, one a file: SUFFIXES, by what one is recognised, how it is opened, and where there is a way, how it is
written.
"""
