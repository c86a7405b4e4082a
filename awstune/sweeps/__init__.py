"""A sweep is a folder: its spec, its append-only journal, a folder per trial, and what runs them.

Trials run under the user's own Python, so this package imports nothing by itself: ``trial``,
``checkpoint``, ``child``, ``server``, ``warm``, ``boot`` and ``probe`` need the standard library alone.
"""
