"""Processes that start together on a database without read models: each finds what it needs."""

import threading
from concurrent.futures import ThreadPoolExecutor

from pymongo.database import Database

from bus.connections.clients import StoredDocument
from read_side.generations.registry import Registry
from read_side.projections import READ_MODELS

TOGETHER = 6


def test_all_who_start_together_create_the_read_models(database: Database[StoredDocument]) -> None:
    ready = threading.Barrier(TOGETHER)

    def start() -> None:
        registry = Registry(database)
        ready.wait(60)
        registry.create(READ_MODELS)

    with ThreadPoolExecutor(TOGETHER) as processes:
        for created in [processes.submit(start) for _ in range(TOGETHER)]:
            created.result(120)
    listed = {each["name"]: each["type"] for each in database.list_collections()}
    assert {listed[model.name] for model in READ_MODELS} == {"view"}
