/**
 * The ways round the figure: from token to token, head to head, back, and to the full width.
 * @module
 */

export class Moves {
  /** @param {import("./controller.js").Explorer} explorer */
  constructor(explorer) {
    this.explorer = explorer;
  }

  /** @param {number} step */
  stepToken(step) {
    const { state, routing } = this.explorer;
    this.goToken(Math.max(0, Math.min(routing.T - 1, state.token + step)));
  }

  /** @param {number} token Negative counts from the end. */
  goToken(token) {
    const { explorer } = this;
    explorer.lock({ token: token < 0 ? explorer.routing.T + token : token });
    explorer.draw(); // the keyboard must not wait for a frame to find its token
    explorer.nodes.focusToken();
  }

  /** @param {number} step Through the heads of all layers. */
  stepHead(step) {
    const { explorer } = this;
    const { rows } = explorer.routing;
    explorer.lock({ row: (explorer.row + step + rows) % rows });
  }

  /** @param {number} step As the overview lists them. */
  stepRow(step) {
    const { explorer } = this;
    const order = explorer.nodes.order();
    explorer.lock({
      row: order[(order.indexOf(explorer.row) + step + order.length) % order.length],
    });
  }

  /** From the tour, from a preview, from the full width, then to the first frame. */
  escape() {
    const { explorer } = this;
    if (explorer.state.tour) explorer.change({ tour: 0 });
    else if (explorer.pointed) explorer.leave();
    else if (explorer.el.classList.contains("widened")) this.widen();
    else {
      explorer.requests.leaveOwnText();
      explorer.change(explorer.firstFrame());
    }
  }

  /** To the full width of the window, and back. */
  widen() {
    const { el, stage, nodes } = this.explorer;
    const on = el.classList.toggle("widened");
    if (on) el.popover = "manual"; // the top layer: nothing of the page lies above
    if (el.popover) el[on ? "showPopover" : "hidePopover"]();
    if (!on) el.removeAttribute("popover");
    stage.root.classList.toggle("full", on);
    nodes.wide.setAttribute("aria-pressed", `${on}`);
    document.documentElement.style.overflow = on ? "hidden" : "";
  }
}
