class Failure(Exception):
  """Something the person at the terminal has to know; ends the benchmark with this one line."""
