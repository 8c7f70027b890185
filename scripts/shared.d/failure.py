class Failure(Exception):
  """Something the person at the terminal has to know: one line, and perhaps others under it."""
