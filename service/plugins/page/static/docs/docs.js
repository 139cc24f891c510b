// @ts-check
/** The entry point of /docs: Swagger UI inside the frame of the page. */

import { installTheme } from "../modules/theme.js";

/**
 * What this module uses of Swagger UI.
 * @typedef {(type: unknown, props?: object | null, ...children: unknown[]) => unknown} CreateElement
 * @typedef {{React: {createElement: CreateElement}}} System
 * @typedef {{getComponent: (name: string, isContainer?: boolean) => unknown, specSelectors: {loadingStatus: () => string}}} Props
 */

const root = /** @type {HTMLElement} */ (document.getElementById("swagger-ui"));
const { SwaggerUIBundle } = /** @type {{SwaggerUIBundle?: (options: object) => void}} */ (/** @type {unknown} */ (window));

/** The parts of Swagger UI that the frame does not have already. @param {System} system */
function framePlugin({ React: { createElement: h } }) {
  /** @param {Props} props */
  function Frame({ getComponent, specSelectors }) {
    const status = specSelectors.loadingStatus();
    if (status === "failed" || status === "failedConfig") return h("p", { className: "notice", role: "alert" }, "The OpenAPI document could not be loaded. Reload the page.");
    if (status !== "success") return h("p", { className: "loading" }, "Loading…");
    return h(
      "div",
      { className: "swagger-ui" },
      h(getComponent("SvgAssets")),
      h("div", { className: "scheme-container" }, h(getComponent("AuthorizeBtnContainer", true))),
      h("h2", { className: "hidden" }, "Calls"),
      h(getComponent("operations", true)),
      h(getComponent("Models", true)),
    );
  }
  // Swagger UI puts links into buttons; deep links work without them.
  /** @param {{text: unknown}} props */
  const PlainText = ({ text }) => h("span", {}, text);
  return { components: { Frame }, wrapComponents: { DeepLink: () => PlainText } };
}

/** Name the controls that Swagger UI leaves without a name, and let the keyboard scroll its code. */
function completeControls() {
  for (const control of root.querySelectorAll(":is(select, input, textarea):not([aria-label], [id])")) {
    control.ariaLabel = /** @type {HTMLElement | null} */ (control.closest("[data-param-name]"))?.dataset.paramName ?? (control.matches(".examples-select-element") ? "Example" : "Value");
  }
  for (const code of /** @type {NodeListOf<HTMLElement>} */ (root.querySelectorAll("pre.microlight:not([tabindex])"))) code.tabIndex = 0;
}

installTheme(/** @type {HTMLSelectElement} */ (document.getElementById("theme")));

if (SwaggerUIBundle) {
  new MutationObserver(completeControls).observe(root, { childList: true, subtree: true });
  SwaggerUIBundle({
    url: document.body.dataset.openapi,
    domNode: root,
    layout: "Frame",
    plugins: [framePlugin],
    deepLinking: true,
    displayOperationId: true,
    displayRequestDuration: true,
    defaultModelsExpandDepth: 0,
    // The colours of the code are those of the page.
    syntaxHighlight: false,
    validatorUrl: null,
  });
} else if (!document.getElementById("not-installed")) {
  root.textContent = "Swagger UI could not be loaded. Reload the page, or use the OpenAPI document.";
}
