"""One file for each thing that the API answers about: its routes, its bodies and its answers."""
