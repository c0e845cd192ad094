// What each read model shows of it, and whether that is up to date.

import { el } from "./dom.js";
import { count, moment, one } from "./figures.js";
import { badge } from "./story-commands.js";
import { streamLink } from "./value.js";

function state({ parked, up_to_date: upToDate }) {
  if (parked) return badge("failed", "parked");
  return upToDate ? badge("succeeded", "up to date") : badge("accepted", "behind");
}

function document_(name, found, index, open) {
  const text = JSON.stringify(found, null, 2);
  return el(
    "details",
    { "data-key": `${name} ${index}`, open },
    el("summary", {}, "Document ", el("code", {}, String(found._id?.$oid ?? (typeof found._id === "object" ? JSON.stringify(found._id) : (found._id ?? index + 1))))),
    el("pre", { tabindex: 0, role: "region", "aria-label": `Document of ${name}` }, text),
  );
}

function model(found, open) {
  const { name, generation, position, last_commit: last, parked, others_parked: others, documents } = found;
  return el(
    "li",
    { class: "shows", "data-model": name },
    el("h4", {}, name, " ", el("small", {}, `g${generation}`), " ", state(found)),
    el("p", { class: "line" }, `has applied position ${count(position)}; the last commit of this is ${count(last)}`),
    parked ? el("p", { class: "problem" }, `Parked since ${moment(parked.since)} UTC, from position ${count(parked.seq)} on, ${one(parked.waiting, "commit")} behind it: ${parked.error}`) : null,
    others.length ? el("p", { class: "problem" }, "Events may be missing that are in other parked streams: ", others.map((stream) => [streamLink(stream), " "])) : null,
    documents.length ? documents.map((each, index) => document_(name, each, index, open && index === 0)) : el("p", { class: "nothing" }, "It shows nothing of it."),
    found.more_documents ? el("p", { class: "hint" }, "There are more documents.") : null,
  );
}

export function models(story) {
  if (!story.read_models.length) return el("p", { class: "nothing" }, "No read model shows this.");
  const fullest = story.read_models.find(({ name }) => name === "order_detail") ?? story.read_models[0];
  return el("ul", { class: "shown" }, story.read_models.map((found) => model(found, found === fullest)));
}
