// The page: what is asked how often, and what of it is shown where.

import { Attention } from "./attention.js";
import { Commands } from "./commands.js";
import { Connection } from "./connection.js";
import { Dead } from "./dead.js";
import { Flow } from "./flow.js";
import { Parked } from "./parked.js";
import { Partitions } from "./partitions.js";
import { lookAt, storyAddress, storyOf } from "./place.js";
import { Poll } from "./poll.js";
import { Queues } from "./queues.js";
import { Rebuilds } from "./rebuilds.js";
import { Session } from "./session.js";
import { Story } from "./story.js";
import { write } from "./text.js";
import { Trail } from "./trail.js";

const FLOW_MS = 2000;
const QUEUES_MS = 4000;
const COMMANDS_MS = 4000;
const MENDING_MS = 4000;
const TRAIL_MS = 10_000;
const REBUILD_MS = 2000;

const byId = (id) => document.getElementById(id);

const connection = new Connection();
const session = new Session(begin, end);

function lost(error) {
  session.lost(error.status);
}

/** The flow is asked for everywhere and most often: whether it answers is whether the service does. */
function away() {
  attention.away(connection.away());
}

/** An older service has no audit trail. */
function noTrail({ status }) {
  if (status !== 404) return;
  for (const part of document.querySelectorAll("#trail, [href='#trail']")) part.hidden = true;
  polls.trail.stop();
}

const polls = {
  flow: Poll.of(byId("flow"), "ops/flow", FLOW_MS, showFlow, lost, away),
  queues: Poll.of(byId("queues"), "ops/queues", QUEUES_MS, showQueues, lost),
  commands: Poll.of(byId("commands"), () => commands.path, COMMANDS_MS, (answer) => commands.show(answer), lost),
  dead: Poll.of(byId("dead"), () => `ops/dead?limit=${dead.more.limit}`, MENDING_MS, showDead, lost),
  parked: Poll.of(byId("parked"), () => `ops/parked?limit=${parked.more.limit}`, MENDING_MS, showParked, lost),
  trail: Poll.of(byId("trail"), () => `ops/audit-trail?limit=${trail.more.limit}`, TRAIL_MS, (answer) => trail.show(answer), lost, noTrail),
  rebuilds: Poll.of(byId("read-models"), "ops/rebuilds", REBUILD_MS, (answer) => rebuilds.show(answer), lost),
};
const attention = new Attention(byId("attention"), () => polls.rebuilds.now());
const flow = new Flow(byId("flow"));
const queues = new Queues(byId("queues"));
const rebuilds = new Rebuilds(byId("read-models"), () => polls.rebuilds.now());
const partitions = new Partitions(byId("read-models"), lost);
const dead = new Dead(byId("dead"), () => polls.dead.now());
const parked = new Parked(byId("parked"), () => polls.parked.now(), () => polls.rebuilds.now());
const commands = new Commands(byId("commands"), () => polls.commands.now());
const trail = new Trail(byId("trail"), () => polls.trail.now());
const story = new Story(byId("story"), lost);

function showFlow(snapshot) {
  connection.well();
  flow.show(snapshot);
  rebuilds.models(snapshot.read_models);
  attention.snapshot(snapshot);
}

function showQueues(answer) {
  queues.show(answer);
  attention.queues(answer.queues);
}

function showDead(answer) {
  dead.show(answer);
  write(byId("dead-count"), answer.dead.length || "");
  attention.dead(answer.dead.length);
}

function showParked(answer) {
  const streams = parked.show(answer);
  write(byId("parked-count"), streams || "");
  attention.parked(streams);
}

/** The flow is asked for everywhere: its two minutes should not have gaps. */
function place() {
  const named = storyOf(location.hash);
  byId("overview").hidden = named !== null;
  byId("story").hidden = named === null;
  const { flow: always, ...others } = polls;
  if (named === null) {
    story.stop();
    commands.place(location.hash);
    for (const poll of Object.values(others)) poll.now();
    partitions.start();
    byId("wanted").value = "";
    lookAt(location.hash);
  } else {
    for (const poll of Object.values(others)) poll.stop();
    partitions.stop();
    byId("wanted").value = named.id;
    scrollTo(0, 0);
    story.start(named);
  }
}

function visible(loggedIn) {
  for (const id of ["search", "session", "sections"]) byId(id).hidden = !loggedIn;
  byId("login").hidden = loggedIn;
}

function begin() {
  visible(true);
  addEventListener("hashchange", place);
  polls.flow.now();
  place();
}

function end() {
  removeEventListener("hashchange", place);
  for (const poll of Object.values(polls)) poll.stop();
  story.stop();
  partitions.stop();
  visible(false);
  byId("overview").hidden = true;
  byId("story").hidden = true;
}

byId("search").addEventListener("submit", (event) => {
  event.preventDefault();
  const address = storyAddress(byId("wanted").value.trim());
  if (location.hash === address) place();
  else location.hash = address;
});

session.resume();
