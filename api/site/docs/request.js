// Trying an operation: a form for its parameters and body, and the answer as it came.

import { el, words } from "./dom.js";
import { describedLimits, resolved, typeOf } from "./schema.js";
import { authorization } from "./token.js";

let made = 0;

function labelled(text, input, ...hints) {
  made += 1;
  input.id = `field-${made}`;
  const hint = el("div", { class: "hint", id: `hint-${made}` }, hints);
  input.setAttribute("aria-describedby", hint.id);
  return el("div", { class: "field" }, el("label", { for: input.id }, text), input, hint);
}

function input(parameter) {
  const schema = resolved(parameter.schema);
  if (schema.enum) {
    const values = schema.enum.map((value) => el("option", { value }, value));
    return el("select", {}, el("option", { value: "" }, "(left out)"), values);
  }
  const kind = schema.format === "date" ? "date" : schema.type === "integer" ? "number" : "text";
  const limits = { min: schema.minimum, max: schema.maximum };
  return el("input", { type: kind, ...limits, autocomplete: "off", spellcheck: "false", required: parameter.required });
}

function parameterField(parameter) {
  const control = input(parameter);
  const examples = Object.values(parameter.examples ?? {}).map((example) => example.value);
  const list = el("datalist", { id: `examples-${(made += 1)}` }, examples.map((value) => el("option", { value })));
  if (examples.length) control.setAttribute("list", list.id);
  const where = `${parameter.in}${parameter.required ? ", required" : ""}, ${typeOf(parameter.schema)}`;
  const field = labelled(
    [el("span", { class: "name" }, parameter.name), " ", el("span", { class: "type" }, where)],
    control,
    words(parameter.description),
    " ",
    describedLimits(parameter.schema),
    examples.length ? [" Such as: ", examples.map((value) => [el("code", {}, value), " "]), list] : null,
  );
  return { parameter, control, field };
}

function bodyField(content) {
  const area = el("textarea", { rows: 10, spellcheck: "false" });
  const examples = Object.entries(content.examples ?? {});
  const show = (name) => {
    area.value = JSON.stringify(content.examples[name].value, null, 2);
  };
  if (examples.length) show(examples[0][0]);
  const buttons = examples.map(([name]) => el("button", { type: "button", onclick: () => show(name) }, name));
  return { area, field: labelled("Body (application/json)", area, "Examples: ", buttons) };
}

function address(path, fields) {
  const filled = path.replace(/\{(\w+)\}/g, (_, name) => {
    const field = fields.find(({ parameter }) => parameter.in === "path" && parameter.name === name);
    return encodeURIComponent(field.control.value);
  });
  const url = new URL(filled.slice(1), new URL(".", document.baseURI));
  for (const { parameter, control } of fields) {
    if (parameter.in === "query" && control.value) url.searchParams.set(parameter.name, control.value);
  }
  return url;
}

function headers(fields, area) {
  const found = { ...authorization() };
  for (const { parameter, control } of fields) {
    if (parameter.in === "header" && control.value) found[parameter.name] = control.value;
  }
  if (area) found["Content-Type"] = "application/json";
  return found;
}

function pretty(text, type) {
  if (!/json/.test(type)) return text;
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

function shown(answer, text, milliseconds) {
  const rows = [...answer.headers].map(([name, value]) =>
    el("tr", {}, el("th", { scope: "row" }, name), el("td", {}, value)),
  );
  return [
    el(
      "p",
      {},
      el("strong", { class: `status s${Math.floor(answer.status / 100)}` }, `${answer.status} ${answer.statusText}`),
      ` in ${Math.round(milliseconds)} ms`,
    ),
    el("table", { class: "headers" }, el("caption", {}, "Headers"), el("tbody", {}, rows)),
    text ? el("pre", { tabindex: 0, "aria-label": "Body" }, pretty(text, answer.headers.get("Content-Type") ?? "")) : el("p", {}, "No body."),
  ];
}

export function tryForm(method, path, operation) {
  const fields = (operation.parameters ?? []).map(resolved).map(parameterField);
  const content = operation.requestBody?.content["application/json"];
  const body = content ? bodyField(content) : null;
  const result = el("div", { class: "answer", role: "status", "aria-live": "polite" });
  const send = el("button", { type: "submit", class: "send" }, "Send");

  async function submit(event) {
    event.preventDefault();
    send.disabled = true;
    result.replaceChildren(el("p", {}, "Waiting for the answer …"));
    const began = performance.now();
    try {
      const answer = await fetch(address(path, fields), {
        method: method.toUpperCase(),
        headers: headers(fields, body?.area),
        body: body?.area.value,
        cache: "no-store",
        credentials: "omit",
      });
      const text = await answer.text();
      result.replaceChildren(...shown(answer, text, performance.now() - began));
    } catch (error) {
      result.replaceChildren(el("p", { class: "failed" }, `The request could not be sent: ${error.message}`));
    } finally {
      send.disabled = false;
    }
  }

  const label = `Try ${operation.summary}`;
  return el("form", { class: "try", "aria-label": label, onsubmit: submit }, fields.map(({ field }) => field), body?.field, send, result);
}
