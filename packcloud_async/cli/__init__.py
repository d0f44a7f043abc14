"""The command line, an extra: it reads arguments and writes results, and decides nothing about the API."""
