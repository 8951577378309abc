"""One file a command: parse → call → show. Imports inside the functions keep `--help` free of torch."""
