"""Pages for people, as they are: HTML, CSS and JavaScript in a folder each, and what serves them."""
