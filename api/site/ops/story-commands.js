// What happened, in order: each command with the commits that it made, each commit with its events.

import { el } from "./dom.js";
import { UNKNOWN, count, duration, moment, one, secondsBetween } from "./figures.js";
import { fields, storyLink } from "./value.js";

const SIGNS = { succeeded: "✓", rejected: "✕", failed: "⚠", accepted: "…" };

export function badge(status, text = status) {
  return el("span", { class: `badge ${status}` }, `${SIGNS[status] ?? ""} ${text}`.trim());
}

const at = (text) => (text === null ? UNKNOWN : el("time", { datetime: text }, `${moment(text, { fine: true })} UTC`));

function commit({ seq, version, at: when, events }) {
  return el(
    "li",
    { class: "commit" },
    el("p", { class: "line" }, el("b", {}, version === null ? "Commit" : `Version ${version}`), ` at position ${count(seq)} · `, at(when)),
    events.map((event) => [
      el("h4", { class: "event" }, event.type),
      fields(event, ["type", "v"]),
    ]),
  );
}

const commits = (found) => (found.length ? el("ol", { class: "commits", "aria-label": "Commits" }, found.map(commit)) : null);

function wrong({ problem, error }) {
  if (problem) return el("div", { class: "problem" }, el("p", {}, el("b", {}, problem.detail || problem.title)), fields(problem, ["detail"]));
  return error ? el("p", { class: "problem" }, error) : null;
}

function resolution({ action, at: when, by, reason }) {
  return el("p", { class: "line" }, `${action} by ${by}, `, at(when), `: ${reason}`);
}

function command(found, made) {
  const { command_id: id, type, status, by, accepted_at: accepted, finished_at: finished, attempts, body } = found;
  const took = finished ? ` · done in ${duration(secondsBetween(accepted, finished))}` : "";
  const tries = attempts ? ` · ${one(attempts, "attempt")}` : "";
  return el(
    "li",
    { class: "command" },
    el("h3", {}, type, " ", badge(status)),
    el("p", { class: "line" }, at(accepted), ` by ${by.role} ${by.subject}${took}${tries}`),
    el("p", { class: "line" }, "Command ", storyLink(id), ` · correlation ${found.correlation_id}`),
    wrong(found),
    found.resolutions.map(resolution),
    body ? el("details", { "data-key": `body ${id}` }, el("summary", {}, "As it was sent"), fields(body, ["type"])) : null,
    commits(made),
  );
}

/** A commit whose command is not among those told stands alone, where it belongs in time. */
export function commands(story) {
  const made = grouped(story.commits);
  const told = new Set(story.commands.map(({ command_id: id }) => id));
  const entries = [
    ...story.commands.map((found) => [found.accepted_at, command(found, made.get(found.command_id) ?? [])]),
    ...story.commits.filter(({ command_id: id }) => !told.has(id)).map((found) => [found.at, el("li", { class: "command" }, commits([found]))]),
  ].sort(([first], [second]) => (first < second ? -1 : Number(first > second)));
  const more = story.more_commands || story.more_commits;
  return [
    el("ol", { class: "commands" }, entries.map(([, element]) => element)),
    more ? el("p", { class: "hint" }, "There are older ones: ", el("code", {}, `python -m write_side log --stream ${story.stream}`)) : null,
  ];
}

function grouped(found) {
  const groups = new Map();
  for (const each of found) groups.set(each.command_id, [...(groups.get(each.command_id) ?? []), each]);
  return groups;
}
