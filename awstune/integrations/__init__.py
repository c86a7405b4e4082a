"""Callbacks for other libraries' training loops. Each module needs its library, and is imported by its user.

A callback takes the trial that a sweep's function was given. Without one, in a program that a sweep runs as a
command, it prints the lines that awstune reads.
"""
