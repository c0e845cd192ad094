#!/usr/bin/env bash
# Falcon 4.4.0: a path that ends in a slash reaches the route of a single resource, with an empty id.
#
# Versions: falcon 4.4.0 from PyPI.
#
# What one would expect: with the routes /orders and /orders/{order_id}, the path /orders/ is the list (where a
# slash at the end is ignored) or a 404 (where it is not). A field of a template stands for one segment that is
# there: RFC 6570 has its values, and a converter such as {order_id:int} refuses the empty one.
#
# What happens: /orders/ calls the responder of /orders/{order_id} with order_id="". So a client that joins
# paths and has forgotten the id does to "the resource without a name" what it meant for another. With
# strip_url_path_trailing_slash=True the same path is the list.
#
# Why it matters: code that makes a key of the id ("order-" + order_id) asks for, or changes, "order-".
#
# What we do about it: api/middleware/spelling.py, called by the router, and ids are checked before they are
# used; tests/unit/test_spelling.py and tests/integration/api/test_ids.py.
#
# Output seen:
#   Falcon 4.4.0, routes /orders and /orders/{order_id}
#   GET /orders   200 the list
#   GET /orders/  200 the order ''
#   GET /orders/  404 with {order_id:int}
#   GET /orders/  200 the list, with strip_url_path_trailing_slash
#   The behaviour is as described.
#
# The script ends with an error if the behaviour changes.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3.11 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check falcon==4.4.0

cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import falcon
from falcon import testing


class Listed:
    def on_get(self, req, resp):
        resp.text = "the list"


class One:
    def on_get(self, req, resp, order_id):
        resp.text = f"the order {order_id!r}"


def ask(path, template="/orders/{order_id}", strips=False):
    app = falcon.App()
    app.req_options.strip_url_path_trailing_slash = strips
    app.add_route("/orders", Listed())
    app.add_route(template, One())
    answer = testing.TestClient(app).simulate_get(path)
    return answer.status_code, answer.text if answer.status_code == 200 else ""


print(f"Falcon {falcon.__version__}, routes /orders and /orders/{{order_id}}")
seen = [
    ask("/orders"),
    ask("/orders/"),
    ask("/orders/", "/orders/{order_id:int}"),
    ask("/orders/", strips=True),
]
print(f"GET /orders   {seen[0][0]} {seen[0][1]}")
print(f"GET /orders/  {seen[1][0]} {seen[1][1]}")
print(f"GET /orders/  {seen[2][0]} with {{order_id:int}}")
print(f"GET /orders/  {seen[3][0]} {seen[3][1]}, with strip_url_path_trailing_slash")
if seen != [(200, "the list"), (200, "the order ''"), (404, ""), (200, "the list")]:
    raise SystemExit("The behaviour has changed.")
print("The behaviour is as described.")
PYTHON
