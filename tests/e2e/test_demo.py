"""The demo on the running system."""

from tests.support.system import System


def test_the_demo_shows_every_read_model(system: System) -> None:
    run = system.run("api", "demo", "--url", system.url, "--orders", "12")
    assert run.returncode == 0, f"{run.stdout}\n{run.stderr}\n{system.told()}"
    told = run.stdout
    for model in (
        "order_summary",
        "order_detail",
        "order_analytics",
        "product_sales",
        "customers",
        "products",
    ):
        assert model in told
    assert "Ada Lovelace" in told
