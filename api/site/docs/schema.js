// What a value looks like: its type in a few words, and its fields as a list within a list.

import { el, words } from "./dom.js";

let whole = {};

export function setDocument(document_) {
  whole = document_;
}

export function resolved(part) {
  let found = part ?? {};
  while (found.$ref) {
    found = found.$ref.slice(2).split("/").reduce((inner, step) => inner[step.replaceAll("~1", "/")], whole);
  }
  return found;
}

function choices(schema) {
  return schema.anyOf ?? schema.oneOf ?? null;
}

export function typeOf(schema_) {
  const schema = resolved(schema_);
  const kinds = choices(schema);
  if (kinds) return [...new Set(kinds.map(typeOf))].join(" or ");
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.type === "array") return `list of ${typeOf(schema.items)}`;
  if (schema.type === "object" && schema.properties) return schema.title ?? "object";
  if (schema.type === "object" && schema.additionalProperties) return `object of ${typeOf(schema.additionalProperties)}`;
  return [schema.type ?? "anything", schema.format ? `(${schema.format})` : ""].join(" ").trim();
}

/** What a value must keep to, in words. */
function limits(schema_) {
  const kinds = choices(resolved(schema_)) ?? [schema_];
  const found = [];
  for (const kind of kinds.map(resolved)) {
    if (kind.enum) found.push(`one of ${kind.enum.join(", ")}`);
    if (kind.minimum !== undefined && kind.maximum !== undefined) found.push(`${kind.minimum} to ${kind.maximum}`);
    else if (kind.minimum !== undefined) found.push(`at least ${kind.minimum}`);
    if (kind.maxLength !== undefined) found.push(`${kind.minLength ?? 0} to ${kind.maxLength} characters`);
    if (kind.maxItems !== undefined) found.push(`${kind.minItems ?? 0} to ${kind.maxItems} entries`);
    if (kind.pattern) found.push(el("code", {}, kind.pattern));
    if (kind.default !== undefined && kind.default !== null) found.push(`default ${kind.default}`);
  }
  return found.flatMap((limit, index) => (index ? [", ", limit] : [limit]));
}

export function describedLimits(schema) {
  const found = limits(schema);
  return found.length ? el("span", { class: "limits" }, found) : null;
}

/** The objects that a value is, or is made of. */
function objectsIn(schema_) {
  const schema = resolved(schema_);
  const kinds = choices(schema);
  if (kinds) return kinds.flatMap(objectsIn);
  if (schema.type === "array") return objectsIn(schema.items);
  return schema.properties ? [schema] : [];
}

function field(name, schema, required, seen) {
  return el(
    "li",
    {},
    el("span", { class: "name" }, name),
    " ",
    el("span", { class: "type" }, typeOf(schema)),
    required ? null : el("span", { class: "optional" }, " optional"),
    " ",
    describedLimits(schema),
    schema.description ? el("span", { class: "hint" }, " ", words(schema.description)) : null,
    objectsIn(schema).map((object) => fields(object, seen)),
  );
}

function fields(object, seen) {
  if (seen.includes(object)) return null;
  const list = el(
    "ul",
    { class: "fields" },
    Object.entries(object.properties).map(([name, schema]) =>
      field(name, schema, (object.required ?? []).includes(name), [...seen, object]),
    ),
  );
  if (!seen.length) return list;
  return el("details", {}, el("summary", {}, object.title ?? "fields"), list);
}

export function describedSchema(schema) {
  const objects = objectsIn(schema);
  return el(
    "div",
    { class: "schema" },
    el("span", { class: "type" }, typeOf(schema)),
    objects.map((object) => [
      object.description ? el("p", { class: "hint" }, words(object.description)) : null,
      fields(object, []),
    ]),
  );
}
