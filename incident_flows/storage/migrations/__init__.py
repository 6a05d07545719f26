"""Alembic's place: one file per change of the tables, in `versions`; they run by `Database.migrate`.

The versions are named here too, so that a start with nothing to do need not import alembic; a test
keeps the list true.
"""

KNOWN = ("0001", "0002", "0003", "0004", "0005", "0006", "0007", "0009", "0011", "0008", "0012")  # oldest first
HEAD = KNOWN[-1]
