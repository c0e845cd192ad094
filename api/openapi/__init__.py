"""The API's description in OpenAPI 3.1, made from the route table, the models and the shapes.

``operations.py`` is the one table that says of every route what the code cannot: a name, some
words, and the models that it takes and gives. The rest is derived. A route without a row, or a row
without a route, is an error at start.
"""
