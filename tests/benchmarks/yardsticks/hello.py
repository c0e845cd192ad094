"""Yardstick: Falcon on waitress that says hello, with as many threads as the API has.

What these two packages cost by themselves. It reads a request's body off the socket, since waitress does, and
looks at nothing; it leaves out everything else: tokens, parsing, checking, storing, and all headers but the
necessary ones.

``python -m tests.benchmarks.yardsticks.hello THREADS PORT`` runs it.
"""

import logging
import sys

import falcon
import waitress

GREETING = b'{"hello":"world"}'


class Hello:
    """Every address, read and written alike."""

    def on_get(self, _req: falcon.Request, resp: falcon.Response, **_: str) -> None:
        resp.data = GREETING

    def on_post(self, _req: falcon.Request, resp: falcon.Response, **_: str) -> None:
        resp.data = GREETING
        resp.status = falcon.HTTP_202


def create_app() -> falcon.App[falcon.Request, falcon.Response]:
    app: falcon.App[falcon.Request, falcon.Response] = falcon.App()
    app.add_route("/orders", Hello())
    app.add_route("/orders/{order_id}", Hello())
    return app


def main(threads: int, port: int) -> None:
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # it warns of each request that waits
    waitress.serve(create_app(), host="127.0.0.1", port=port, threads=threads)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
