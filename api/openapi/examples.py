"""The ids in the examples of what is sent. They go together: an order's customer and product are there."""

CUSTOMER_ID = "c1"
PRODUCT_ID = "p1"
