// The page: what is asked how often, and what of it is shown where.

import { Attention } from "./attention.js";
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

const FLOW_MS = 2000;
const QUEUES_MS = 4000;
const MENDING_MS = 4000;
const REBUILD_MS = 2000;

const byId = (id) => document.getElementById(id);

const connection = new Connection();
const session = new Session(begin, end);

function lost(error) {
  session.lost(error.status);
}

/** The flow is asked for everywhere and most often: whether it answers is whether the service does. */
function flowFailed(error) {
  if (error.concernsToken) lost(error);
  else connection.away();
}

const polls = {
  flow: new Poll("ops/flow", FLOW_MS, showFlow, flowFailed),
  queues: Poll.of(byId("queues"), "ops/queues", QUEUES_MS, showQueues, lost),
  dead: Poll.of(byId("dead"), "ops/dead", MENDING_MS, showDead, lost),
  parked: Poll.of(byId("parked"), "ops/parked", MENDING_MS, showParked, lost),
  rebuilds: Poll.of(byId("read-models"), "ops/rebuilds", REBUILD_MS, (answer) => rebuilds.show(answer), lost),
};
const attention = new Attention(byId("attention"));
const flow = new Flow(byId("flow"));
const queues = new Queues(byId("queues"));
const rebuilds = new Rebuilds(byId("read-models"), () => polls.rebuilds.now());
const partitions = new Partitions(byId("read-models"), lost);
const dead = new Dead(byId("dead"), () => polls.dead.now());
const parked = new Parked(byId("parked"), () => polls.parked.now());
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
  parked.show(answer);
  write(byId("parked-count"), answer.parked.length || "");
  attention.parked(answer.parked.length);
}

/** The flow is asked for everywhere: its two minutes should not have gaps. */
function place() {
  const named = storyOf(location.hash);
  byId("overview").hidden = named !== null;
  byId("story").hidden = named === null;
  const { flow: always, ...others } = polls;
  if (named === null) {
    story.stop();
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
