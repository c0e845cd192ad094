"""A shop to look at: some customers and products, and a fortnight of orders, through the API."""
