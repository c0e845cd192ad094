// What somebody does with types that openapi-typescript has made: places, reads and changes an order.
// The test generates `twofold.d.ts`, has tsc check and compile this file, and runs it.

import createClient from "openapi-fetch";
import type { components, paths } from "./twofold.d.ts";

declare const process: { argv: string[] };

const [, , url = "", token = "", run = ""] = process.argv;
const client = createClient<paths>({ baseUrl: url, headers: { Authorization: `Bearer ${token}` } });
const Prefer = "wait=20";

function there<T>(value: T | undefined | null, what: unknown): T {
  if (value === undefined || value === null) throw new Error(JSON.stringify(what));
  return value;
}

const customer = await client.POST("/customers", {
  body: { customer_id: run, name: "Emmy Noether", email: "emmy@example.com" },
});
there(customer.data, customer.error);

const product = await client.POST("/products", {
  body: { product_id: run, name: "Cup", unit_price: 900, currency: "USD" },
});
there(product.data, product.error);

// The order of the front page, with an address of three lines.
const order: components["schemas"]["NewOrder"] = {
  customer_id: run,
  items: [{ product_id: run, quantity: 2 }],
  shipping_address: { line1: "3 Mill Lane", city: "Bath", country: "GB" },
};
const placed = await client.POST("/orders", { params: { header: { Prefer } }, body: order });
const created = there(placed.data, placed.error);
if (!("total" in created)) throw new Error("there is no outcome yet");

const path = { order_id: created.order_id };
const seenBy = (response: Response) => there(response.headers.get("Consistency-Token"), response.status);
const shown = await client.GET("/orders/{order_id}", {
  params: { path, header: { Prefer, "Consistency-Token": seenBy(placed.response) } },
});
const detail = there(shown.data, shown.error);

const changed = await client.PATCH("/orders/{order_id}/status", {
  params: { path, header: { Prefer, "If-Match": there(shown.response.headers.get("ETag"), "ETag") } },
  body: { status: "confirmed" },
});
const refused = await client.PATCH("/orders/{order_id}/status", {
  params: { path, header: { Prefer } },
  body: { status: "delivered" },
});

const page = await client.GET("/orders", {
  params: { query: { customer_id: run }, header: { Prefer, "Consistency-Token": seenBy(changed.response) } },
});

console.log(
  JSON.stringify({
    total: created.total,
    lines: detail.items.map((line) => line.line_total),
    city: detail.shipping_address?.city,
    changed: changed.response.status === 204,
    refused: there(refused.error, refused.response.status).type,
    listed: there(page.data, page.error).orders.map((row) => row.status),
  }),
);
