"""The drawing page: a reader with a loaded network, a web server, and the page itself."""
