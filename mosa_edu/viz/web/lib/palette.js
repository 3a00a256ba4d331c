// The colours of both themes, as in `mosa_edu.viz.style`: a test holds the two against each other.
//
// Grey is the reference, blue what a head chose, orange what the reader studies.

/** @typedef {typeof LIGHT} Palette */

export const LIGHT = {
  ink: "#1b1f24",
  ink2: "#57606a",
  ground: "#ffffff",
  wash: "#f6f8fa",
  rule: "#d5dae0",
  pick: "#0072b2",
  pick_ink: "#ffffff",
  pick_wash: "#e3f0f8",
  cursor: "#d55e00",
  cursor_text: "#ad4700",
  cursor_wash: "#fdeee3",
  quiet: "#848d97",
  dense: "#bcc2c9",
  ok: "#00734f",
};

/** @type {Palette} */
export const DARK = {
  ink: "#e8ebef",
  ink2: "#a3adb8",
  ground: "#14181e",
  wash: "#1b2027",
  rule: "#343b44",
  pick: "#56b4e9",
  pick_ink: "#0a1219",
  pick_wash: "#17303f",
  cursor: "#e69f00",
  cursor_text: "#f0b132",
  cursor_wash: "#362a10",
  quiet: "#7b8592",
  dense: "#4a525c",
  ok: "#35c08f",
};

export const SANS =
  'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif';
export const MONO = 'ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace';

/** Nine colours of the cividis scale, from low to high: for continuous fields in both themes. */
const CIVIDIS = "00224e 123570 3b496c 575d6d 707173 8a8678 a59c74 c3b369 fee838"
  .split(" ");

/** @param {number} share Between 0 and 1.
 * @returns {[number, number, number]} Red, green and blue, 0 to 255. */
export function cividis(share) {
  const place = Math.min(Math.max(share, 0), 1) * (CIVIDIS.length - 1);
  const below = Math.min(Math.floor(place), CIVIDIS.length - 2);
  const channel = (/** @type {number} */ step, /** @type {number} */ i) =>
    parseInt(CIVIDIS[step].slice(2 * i, 2 * i + 2), 16);
  const mix = (/** @type {number} */ i) =>
    Math.round(channel(below, i) + (place - below) * (channel(below + 1, i) - channel(below, i)));
  return [mix(0), mix(1), mix(2)];
}

/** @param {Palette} palette */
const declarations = (palette) =>
  Object.entries(palette)
    .map(([name, value]) => `--mosa-${name.replace("_", "-")}:${value};`)
    .join("");

// The custom properties that the components' style sheets read; print is always light.
/** @returns {string} */
export function paletteCss() {
  return (
    `.mosa{${declarations(LIGHT)}--mosa-sans:${SANS};--mosa-mono:${MONO}}` +
    `@media not print{.mosa[data-theme=dark]{${declarations(DARK)}}}`
  );
}
