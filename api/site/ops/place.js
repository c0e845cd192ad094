// Where one is: the overview with its sections, or a story. The address tells, so that both can be linked.

const STORY = "#story/";

export function storyAddress(id) {
  return STORY + encodeURIComponent(id);
}

/** The id of the story that the address names, else null. */
export function storyOf(hash) {
  if (!hash.startsWith(STORY)) return null;
  try {
    return decodeURIComponent(hash.slice(STORY.length)) || null;
  } catch {
    return null;
  }
}

/** The part of the overview that is named, into view. */
export function lookAt(hash) {
  const section = hash.length > 1 ? document.getElementById(hash.slice(1)) : null;
  if (!section?.closest("#overview")) return;
  section.scrollIntoView();
  document.getElementById(`${section.id}-title`)?.focus({ preventScroll: true });
}
