"""Search spaces, the record of trials, and the searchers that choose the next ones.

Pure: nothing here reads a file, a clock or a network.
"""
