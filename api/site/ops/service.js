// Asking the service. What it refuses is a Refusal; if it does not answer at all, it is Away.

import { authorization } from "./token.js";

const PATIENCE_MS = 10_000;

export class Refusal extends Error {
  constructor(status, problem) {
    super(problem.detail || problem.title || `The service answered ${status}.`);
    this.status = status;
  }

  get concernsToken() {
    return this.status === 401 || this.status === 403;
  }
}

export class Away extends Error {}

async function problemOf(answer) {
  try {
    return await answer.json();
  } catch {
    return { title: answer.statusText };
  }
}

function refused(answer, problem) {
  // Nobody is there who could answer: a 503 of the service itself is as good as none.
  return answer.status >= 502 ? new Away(problem.detail || problem.title) : new Refusal(answer.status, problem);
}

/** What is at a path, as the token's bearer; with a body, it is posted. */
export async function ask(path, body, headers = authorization()) {
  const request = { headers, cache: "no-store", credentials: "omit", signal: AbortSignal.timeout(PATIENCE_MS) };
  if (body !== undefined) {
    request.method = "POST";
    request.headers = { ...headers, "Content-Type": "application/json" };
    request.body = JSON.stringify(body);
  }
  let answer;
  try {
    answer = await fetch(new URL(path, document.baseURI), request);
    if (answer.ok) return await answer.json();
  } catch (error) {
    throw new Away(`the service does not answer (${error.message})`);
  }
  throw refused(answer, await problemOf(answer));
}
