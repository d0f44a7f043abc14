"""A whole run over real HTTP: the server, the ways of doing it, and the process in which one is measured."""
