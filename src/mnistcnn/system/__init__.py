"""The operating system: files, signals, standard streams, limits of a container."""
