"""The migrations that make the index's tables, one module each. archive.index.migrations.registry gathers them.

A migration that is released never changes: an index records it by name and never applies it again. To change a table,
add a module with the next number, and name it in the registry.

The modules import nothing of the program but archive.index.database and each other. If a migration called code that
the program uses elsewhere, a change of that code would change what the old migration does. A migration that needs
such code takes a copy of it, as words_m009.py does.

Times are text in the index: ISO 8601 in UTC with milliseconds, so that they sort correctly and any SQLite browser
shows them legibly.
"""
