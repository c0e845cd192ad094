// Swagger UI on the description of this service. A token that is entered stays in the memory of this page.

/** The groups with the operations that have the text in their path, their summary or their name. */
function found(groups, text) {
  const wanted = text.toLowerCase();
  const told = (entry) =>
    [entry.get("path"), entry.getIn(["operation", "summary"]), entry.getIn(["operation", "operationId"])];
  const fits = (entry) => told(entry).join(" ").toLowerCase().includes(wanted);
  return groups
    .map((group) => group.update("operations", (operations) => operations.filter(fits)))
    .filter((group) => !group.get("operations").isEmpty());
}

/** Swagger UI searches in the names of groups alone, and says so in its field. */
function search() {
  return { fn: { opsFilter: found } };
}

function showGroups() {
  const links = ui.specSelectors.specJson().get("tags").map((tag) => {
    const link = document.createElement("a");
    link.href = `#operations-tag-${tag.get("name")}`;
    link.textContent = tag.get("name");
    return link;
  });
  document.getElementById("groups").replaceChildren(...links);
}

function nameSearch() {
  const field = document.querySelector(".operation-filter-input");
  field.placeholder = "Search operations";
  field.setAttribute("aria-label", "Search operations");
}

const dark = matchMedia("(prefers-color-scheme: dark)");

function followScheme() {
  document.documentElement.classList.toggle("dark-mode", dark.matches);
}

followScheme();
dark.addEventListener("change", followScheme);

const ui = SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#operations",
  plugins: [search],
  filter: true,
  deepLinking: true,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
  displayOperationId: false,
  displayRequestDuration: true,
  tryItOutEnabled: true,
  persistAuthorization: false,
  validatorUrl: null, // which would send the description's address to a service elsewhere
  onComplete() {
    showGroups();
    nameSearch();
  },
});
