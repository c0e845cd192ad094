"""Pages for people: HTML, CSS and JavaScript in a folder each, and the code that serves them."""
