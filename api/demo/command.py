"""``python -m api demo``: sends a shop's fortnight, waits until it can be read, and shows it.

Every run adds another shop, with ids of its own; only what happens in it repeats. The first run
also makes the customer and the product that the description's examples name.
"""

from datetime import UTC, datetime
from random import Random

import uuid_utils

from api.client.delivery import Delivery
from api.client.progress import deliver, table
from api.client.sender import Sender, connect
from api.demo import examples, shop, views
from api.demo.shop import Shop
from bus.settings import Settings
from bus.terminal import Terminal

SUBJECT = "demo"
SEED = 1


def demo(url: str | None, orders: int) -> bool:
    """Run a shop; return True if nothing was refused.

    Raises:
        ServiceError: the service cannot be reached, or gets nothing done.
        ConfigurationError: there is no key to sign a token with.

    """
    settings = Settings.for_command_line()
    ends_at = datetime.now(UTC)
    run = Shop(f"demo-{uuid_utils.uuid7().hex[:12]}", ends_at, orders)
    console = Terminal()
    with connect(settings, url, SUBJECT) as client:
        sender = Sender(client)
        examples.send(sender)
        delivery = Delivery(sender)
        deliver(delivery, run.stages(Random(SEED)), console, visible=True)  # noqa: S311 - no secret
        console.print(table(delivery.report, shop.KINDS))
        for key, why in delivery.report.refused.items():
            console.print(f"{key}: {why}", style="red", soft_wrap=True)
        if delivery.report.refused:
            return False
        first_day = (ends_at - shop.LENGTH).astimezone(settings.shop_zone).date()
        for view in views.views(sender, delivery.order_id(run.order_key(0)), first_day):
            console.print()
            console.print(view)
    return True
