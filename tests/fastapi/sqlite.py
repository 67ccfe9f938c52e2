"""Prints a SQLite file as JSON.

    sqlite.py FILE            prints the statements that create the file again
    sqlite.py FILE TABLE      prints the rows of a table
"""

import json
import sqlite3
import sys
from contextlib import closing

file, *table = sys.argv[1:]
with closing(sqlite3.connect(file)) as connection:
    found = connection.execute(f'select * from "{table[0]}" order by id') if table else connection.iterdump()
    print(json.dumps([str(item) for item in found]))
