"""The pictures of the command line in ``docs/pictures``, made by a script: ``python -m docs.captures``."""
