"""What the rules of supervision say: the catalogue, the SQL of the executable ones, charts and codes.

Pure: no database, no clock. The SQL texts in `sql/` are read here and run by `engine`.
"""
