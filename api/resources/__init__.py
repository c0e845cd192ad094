"""One file for each thing that the API answers about: its routes, what is sent and what is shown."""
