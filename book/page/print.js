// Paper is light: a page that is read in the dark theme is printed in the light one.
(() => {
  const root = document.documentElement;
  let read = "";
  const turn = (printing) => {
    if (printing && root.dataset.theme === "dark") {
      read = "dark";
      root.dataset.theme = "light";
    } else if (!printing && read) {
      root.dataset.theme = read;
      read = "";
    }
  };
  const media = matchMedia("print");
  media.addEventListener("change", ({ matches }) => turn(matches));
  addEventListener("beforeprint", () => turn(true));
  addEventListener("afterprint", () => turn(false));
  turn(media.matches);
})();
