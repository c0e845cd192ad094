"""Files of a made-up shop to import, and to spoil."""

from pathlib import Path

MAPPING = """
name = "shop"
currency = "EUR"
time_zone = "Europe/Berlin"
time_format = "%d.%m.%Y %H:%M"
decimal_mark = ","
delimiter = ";"

[customers]
file = "customers"
customer_id = "Number"
name = { text = "{First} {Last}" }
email = "Mail"

[products]
file = "products"
product_id = "Article"
name = "Name"
unit_price = "Price"
discontinued = { column = "Gone", default = "no" }

[orders]
file = "sales"
order_id = "Sale"
customer_id = "Customer"
reference = { text = "S-{Sale}" }
occurred_at = "Sold"

[orders.shipping_address]
line1 = "Street"
city = "Town"
country = { text = "DE" }

[lines]
file = "sales"
order_id = "Sale"
product_id = "Article"
quantity = { column = "Pieces", default = "1" }
unit_price = "Price"
discount = "Off"

[[status_changes]]
file = "states"
order_id = "Sale"
status = { column = "State", map = { bezahlt = "confirmed", versandt = "shipped", storniert = "cancelled" } }
occurred_at = "When"
note = "Remark"
"""

FILES = {
    "customers.csv": """Number;First;Last;Mail
c1;Ada;Lovelace;ada@shop.example
c2;Émilie;du Châtelet;
""",
    "products.csv": """Article;Name;Price;Gone
tea;Tea, loose;8,90;
pot;Teapot;1.450,00;yes
""",
    "sales.csv": """Sale;Customer;Sold;Street;Town;Article;Pieces;Price;Off
7;c1;01.07.2024 12:30;Kastanienallee 1;Berlin;tea;2;8,90;0,80
7;c1;01.07.2024 12:30;Kastanienallee 1;Berlin;pot;1;1.400,00;
8;;31.01.2024 09:00;;;tea;;;
""",
    "states.csv": """Sale;State;When;Remark
7;versandt;02.07.2024 08:00;"by bike;
twice"
7;bezahlt;01.07.2024 12:31;
8;storniert;31.01.2024 09:05;changed his mind
""",
}


class ShopFiles:
    """The files in a folder, and the mapping beside them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.mapping = folder / "shop.toml"
        self.mapping.write_text(MAPPING, encoding="utf-8")
        self.paths = [folder / name for name in FILES]
        for path in self.paths:
            path.write_text(FILES[path.name], encoding="utf-8")

    def spoil(self, name: str, old: str, new: str) -> None:
        """Put something else into a file, once."""
        path = self.folder / name
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new, 1), encoding="utf-8")
