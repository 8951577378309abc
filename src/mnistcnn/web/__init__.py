"""The drawing page: a network kept ready, a web server, and the page itself."""
