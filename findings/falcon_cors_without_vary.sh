#!/usr/bin/env bash
# Falcon 4.4.0: with a list of origins, CORSMiddleware answers by Origin and does not say so in Vary.
#
# Versions: falcon 4.4.0 from PyPI.
#
# What one would expect: with allow_origins=[...], an answer has Access-Control-Allow-Origin or not, and
# which, by the Origin of the request. So every answer says "Vary: Origin", whether or not the request had an
# Origin (RFC 9110, section 12.5.5; the Fetch standard, "CORS protocol and HTTP caches").
#
# What happens: no answer has Vary. A cache, also the browser's own, keeps the answer to a request without an
# Origin (a link that was followed, a program behind the same proxy) and hands it to a script of an origin
# that is on the list. It lacks Access-Control-Allow-Origin, so the browser keeps it from the script. With two
# origins on the list, the one gets the answer that names the other.
#
# Why it matters: it works in every test without a cache, and fails for some, sometimes, behind one.
#
# What we do about it: api/middleware/cors.py adds Origin to Vary, and a test looks at every kind of answer
# (tests/integration/api/test_cors.py).
#
# Output seen:
#   Falcon 4.4.0, origins https://a.example and https://b.example
#   Origin https://a.example: allowed https://a.example, Vary is missing
#   Origin https://b.example: allowed https://b.example, Vary is missing
#   no Origin: nothing allowed, Vary is missing
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

ORIGINS = ["https://a.example", "https://b.example"]


class Thing:
    def on_get(self, req, resp):
        resp.set_header("Cache-Control", "public, max-age=60")
        resp.media = {}


app = falcon.App(middleware=[falcon.CORSMiddleware(allow_origins=ORIGINS)])
app.add_route("/thing", Thing())
client = testing.TestClient(app)

print(f"Falcon {falcon.__version__}, origins {' and '.join(ORIGINS)}")
varies = []
for origin in (*ORIGINS, None):
    headers = client.simulate_get("/thing", headers={"Origin": origin} if origin else {}).headers
    allowed = headers.get("access-control-allow-origin", "nothing")
    order = f"allowed {allowed}" if origin else f"{allowed} allowed"
    vary = headers.get("vary")
    print(f"{f'Origin {origin}' if origin else 'no Origin'}: {order}, Vary is {vary or 'missing'}")
    varies.append(vary)
if any(varies):
    raise SystemExit("The behaviour has changed.")
print("The behaviour is as described.")
PYTHON
