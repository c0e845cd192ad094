// The page: every operation of the description, by its group; what is inside is made when it is opened.

import { el, paragraphs, words } from "./dom.js";
import { tryForm } from "./request.js";
import { describedSchema, resolved, setDocument } from "./schema.js";
import { setUpToken } from "./token.js";

function describedBody(operation) {
  const content = operation.requestBody?.content["application/json"];
  return content ? [el("h4", {}, "Body"), describedSchema(content.schema)] : null;
}

function describedAnswer([status, answer_]) {
  const answer = resolved(answer_);
  const headers = Object.entries(answer.headers ?? {}).map(([name, header]) =>
    el("li", {}, el("span", { class: "name" }, name), " ", words(resolved(header).description)),
  );
  const contents = Object.entries(answer.content ?? {}).map(([type, content]) => [
    el("p", { class: "type" }, type),
    describedSchema(content.schema),
  ]);
  return el(
    "details",
    { class: "one-answer" },
    el("summary", {}, el("strong", { class: `status s${status[0]}` }, status), " ", words(answer.description)),
    contents,
    headers.length ? [el("h5", {}, "Headers"), el("ul", { class: "fields" }, headers)] : null,
  );
}

function inside(method, path, operation) {
  return [
    paragraphs(operation.description),
    describedBody(operation),
    el("h4", {}, "Answers"),
    Object.entries(operation.responses).map(describedAnswer),
    el("h4", {}, "Try it: parameters and body"),
    tryForm(method, path, operation),
  ].flat(Infinity);
}

function describedOperation(method, path, operation) {
  const content = el("div", { class: "inside" });
  const details = el(
    "details",
    { class: "operation", id: operation.operationId },
    el(
      "summary",
      {},
      el("span", { class: `method ${method}` }, method.toUpperCase()),
      el("span", { class: "path" }, path),
      el("span", { class: "summary" }, operation.summary),
      operation.security?.length ? null : el("span", { class: "open" }, "open to all"),
    ),
    content,
  );
  details.addEventListener("toggle", () => {
    if (details.open && !content.hasChildNodes()) {
      content.append(...inside(method, path, operation).filter((part) => part !== null));
    }
  });
  return details;
}

function describedTag(tag, operations) {
  return el(
    "section",
    { "aria-labelledby": `tag-${tag.name}` },
    el("h2", { id: `tag-${tag.name}` }, tag.name, " ", el("small", {}, tag.description)),
    operations
      .filter(({ operation }) => operation.tags.includes(tag.name))
      .map(({ method, path, operation }) => describedOperation(method, path, operation)),
  );
}

function openAddressed() {
  const addressed = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (addressed instanceof HTMLDetailsElement) {
    addressed.open = true;
    addressed.scrollIntoView();
  }
}

async function show() {
  const shown = document.getElementById("operations");
  try {
    const answer = await fetch("openapi.json");
    if (!answer.ok) throw new Error(`${answer.status} ${answer.statusText}`);
    const description = await answer.json();
    setDocument(description);
    const operations = Object.entries(description.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => ({ method, path, operation })),
    );
    document.getElementById("version").textContent = description.info.version;
    document.getElementById("introduction").replaceChildren(...paragraphs(description.info.description));
    document
      .getElementById("tags")
      .replaceChildren(...description.tags.map(({ name }) => el("a", { href: `#tag-${name}` }, name)));
    shown.replaceChildren(...description.tags.map((tag) => describedTag(tag, operations)));
    openAddressed();
    addEventListener("hashchange", openAddressed);
  } catch (error) {
    shown.replaceChildren(el("p", { class: "failed", role: "alert" }, `The description cannot be shown: ${error.message}`));
  }
}

setUpToken();
show();
