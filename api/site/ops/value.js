// A value out of the log or a read model; an id leads to its story.

import { el } from "./dom.js";
import { storyAddress } from "./place.js";
import { identity } from "./text.js";

const TOLD = /^(order|customer|product|command)_id$/;

const isObject = (value) => value !== null && typeof value === "object";

export function storyLink(id, text = id, kind = "") {
  return el("a", { href: storyAddress(id, kind) }, identity(text));
}

/** To whom a stream belongs: its name is the kind and the id. */
export function streamLink(stream) {
  const [kind] = stream.split("-", 1);
  return storyLink(stream.slice(kind.length + 1), stream, kind);
}

function shown(name, value) {
  if (Array.isArray(value) && value.some(isObject)) {
    return el("ol", { class: "values" }, value.map((each) => el("li", {}, isObject(each) ? fields(each) : String(each))));
  }
  if (isObject(value)) return Array.isArray(value) ? value.join(", ") : fields(value);
  if (typeof value === "string" && TOLD.test(name)) return storyLink(value);
  return value === null ? el("span", { class: "nothing" }, "none") : String(value);
}

/** The fields of an object, those within objects below them. */
export function fields(object, left = []) {
  const rows = Object.entries(object).filter(([name]) => !left.includes(name));
  if (!rows.length) return el("p", { class: "nothing" }, "nothing more");
  return el(
    "dl",
    { class: "fields" },
    rows.map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, shown(name, value)))),
  );
}
