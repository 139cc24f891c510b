// @ts-check
/** The pointer over a chart: a mouse reads values and drags over what to zoom to, a finger reads values. */

import { svg } from "./svg.js";

/** Shorter drags are clicks, in pixels. */
const MIN_DRAG = 8;

/**
 * @typedef {object} Actions
 * @property {() => import("./plot.js").Box | null} box of the plot, in pixels
 * @property {(x: number) => void} read the values at a position
 * @property {() => void} leave the chart
 * @property {(begin: number, end: number) => void} select what was dragged over
 * @property {() => void} reset the zoom
 */

export class Pointer {
  /** @param {HTMLElement} plot @param {Actions} actions */
  constructor(plot, actions) {
    this.plot = plot;
    this.actions = actions;
    /** Where a drag began; null if there is none. @type {number | null} */
    this.begin = null;
    /** The last kind of pointer. Two taps of a finger also make a double click. */
    this.kind = "mouse";
    this.selection = svg("rect", { class: "selection" });
    plot.addEventListener("pointerdown", (event) => this.#press(event));
    plot.addEventListener("pointermove", (event) => this.#move(event));
    plot.addEventListener("pointerup", (event) => this.#release(event));
    plot.addEventListener("pointercancel", () => this.#cancel());
    plot.addEventListener("pointerleave", ({ pointerType }) => pointerType !== "touch" && actions.leave());
    plot.addEventListener("dblclick", () => this.kind !== "touch" && actions.reset());
  }

  /** @param {PointerEvent} event */
  #press(event) {
    this.kind = event.pointerType;
    const x = this.#position(event);
    if (event.pointerType === "touch") return this.actions.read(x);
    if (event.button !== 0 || !isInside(event)) return;
    this.plot.setPointerCapture(event.pointerId);
    this.begin = x;
  }

  /** @param {PointerEvent} event */
  #move(event) {
    const x = this.#position(event);
    if (this.begin === null) return isInside(event) ? this.actions.read(x) : this.actions.leave();
    this.actions.leave();
    this.#drawSelection(x);
  }

  /** @param {PointerEvent} event */
  #release(event) {
    const { begin } = this;
    if (begin === null) return;
    const end = this.#clamped(this.#position(event));
    this.#cancel();
    if (Math.abs(end - begin) >= MIN_DRAG) this.actions.select(Math.min(begin, end), Math.max(begin, end));
  }

  #cancel() {
    this.begin = null;
    this.selection.remove();
  }

  /** @param {number} x */
  #drawSelection(x) {
    const box = this.actions.box();
    if (this.begin === null || !box) return;
    const end = this.#clamped(x);
    const place = { x: Math.min(this.begin, end), y: box.top, width: Math.abs(end - this.begin), height: box.bottom - box.top };
    for (const [name, value] of Object.entries(place)) this.selection.setAttribute(name, String(value));
    this.plot.querySelector("svg")?.append(this.selection);
  }

  /** The horizontal position in the pixels of the plot. @param {PointerEvent} event */
  #position({ clientX }) {
    return clientX - this.plot.getBoundingClientRect().left;
  }

  /** @param {number} x */
  #clamped(x) {
    const box = this.actions.box();
    return box ? Math.min(Math.max(x, box.left), box.right) : x;
  }
}

/** Whether the pointer is over the panels. @param {PointerEvent} event */
function isInside({ target }) {
  return target instanceof Element && target.classList.contains("surface");
}
