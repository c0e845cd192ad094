// Where one is: the overview with its sections, or a story. The address tells, so that both can be linked.

const STORY = "#story/";

/** Of an id, or of what has this id as one kind of thing. */
export function storyAddress(id, kind = "") {
  return STORY + encodeURIComponent(id) + (kind && `/${kind}`);
}

/** The story that the address names, as `{id, kind}`, else null. */
export function storyOf(hash) {
  if (!hash.startsWith(STORY)) return null;
  try {
    const [id, kind = ""] = hash.slice(STORY.length).split("/").map(decodeURIComponent);
    return id ? { id, kind } : null;
  } catch {
    return null;
  }
}

/** The part of the overview that is named, into view. */
export function lookAt(hash) {
  const section = hash.length > 1 ? document.getElementById(hash.slice(1).split("/", 1)[0]) : null;
  if (!section?.closest("#overview")) return;
  section.scrollIntoView();
  document.getElementById(`${section.id}-title`)?.focus({ preventScroll: true });
}
