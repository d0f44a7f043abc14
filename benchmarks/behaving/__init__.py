"""The same troubles for every way of calling the API: what reached the server, and what the caller was told."""
