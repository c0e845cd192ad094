// A table that is kept up to date. On a phone its rows become cards, so the roles are said in so many words.

import { el } from "./dom.js";
import { Rows } from "./rows.js";
import { mark, rename, write } from "./text.js";

/** Columns are `{title, text(item), kind?, alarm?(item)}`, or with `make(item)` giving `{element, show(item)}`. */
export class Table {
  #rows;
  #table;
  #none;

  constructor(caption, columns, key, none = "") {
    const head = columns.map(({ title, kind }) => el("th", { scope: "col", role: "columnheader", class: kind }, title));
    const body = el("tbody", { role: "rowgroup" });
    this.#table = el(
      "table",
      { role: "table", hidden: true },
      el("caption", { class: "unseen" }, caption),
      el("thead", { role: "rowgroup" }, el("tr", { role: "row" }, head)),
      body,
    );
    this.#none = el("p", { class: "none", hidden: true }, none);
    this.element = el("div", { class: "tabled" }, this.#table, this.#none);
    this.#rows = new Rows(body, key, (item) => row(columns, item));
  }

  show(items) {
    this.#rows.show(items);
    this.#table.hidden = !items.length;
    this.#none.hidden = Boolean(items.length);
  }
}

function row(columns, item) {
  const header = columns.find(({ kind }) => kind !== "pick");
  const cells = columns.map((column) => cell(column, column === header, item));
  return {
    element: el("tr", { role: "row" }, cells.map(({ element }) => element)),
    show: (shown) => cells.forEach((each) => each.show(shown)),
  };
}

function cell({ title, text, kind, alarm, make }, header, item) {
  const made = make?.(item);
  const value = made?.element ?? el("span");
  const attributes = { class: kind, "data-title": title };
  const element = header
    ? el("th", { scope: "row", role: "rowheader", ...attributes }, value)
    : el("td", { role: "cell", ...attributes }, value);
  const show = (shown) => {
    if (made) made.show?.(shown);
    else if (kind === "id") rename(value, text(shown));
    else write(value, text(shown));
    if (alarm) mark(element, "alarm", alarm(shown));
  };
  return { element, show };
}
