"""A bulk run as a page of pictures: ``packcloud sync --report`` and ``packcloud report``."""
